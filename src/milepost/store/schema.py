"""The tables of the store. Every row has an id made by its writer, so that what is written twice counts once.

Structures that are read as a whole (an instance, a quote, a result) are kept as JSON beside the columns that are
searched by. A store is made of these tables as they stand; a change here needs a number more and a migration in
`migrations/versions`, which brings stores of before to the same.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
    Table,
)
from sqlalchemy.schema import SchemaItem

SCHEMA = "0001"
"""Number of these tables: that of the newest migration, and they count up."""

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    }
)


def _of_run(*, primary_key: bool = False, index: bool = False) -> Column[str]:
    key = ForeignKey("runs.id", ondelete="CASCADE")
    return Column("run", String, key, nullable=False, primary_key=primary_key, index=index)


def _of_segment() -> tuple[SchemaItem, ...]:
    columns = [Column(name, String, nullable=False, primary_key=True) for name in ("run", "segment")]
    return *columns, ForeignKeyConstraint(["run", "segment"], ["segments.run", "segments.id"], ondelete="CASCADE")


VERSION = Table(
    "alembic_version",  # where Alembic looks for it; importing Alembic to write it takes 0.2 s
    METADATA,
    Column("version_num", String(32), primary_key=True),
)

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String, primary_key=True),
    Column("group", String, index=True),
    Column("name", String),
    Column("tags", JSON, nullable=False),
    Column("config", JSON, nullable=False),
    Column("git_commit", String),
    Column("seed", BigInteger),
    Column("host", String),
    Column("status", String, nullable=False),  # running, or why it is over
    Column("started_at", Float, nullable=False),  # Unix seconds (UTC)
    Column("alive_at", Float, nullable=False),
    Column("charges", JSON, nullable=False),  # storage and network, beside compute
)

PROCESSES = Table(
    "processes",
    METADATA,
    Column("id", String, primary_key=True),
    _of_run(index=True),
    Column("host", String, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("birth", String),  # tells this process from a later one of the same pid
    Column("started_at", Float, nullable=False),
    Column("alive_at", Float, nullable=False),
    Column("heartbeat_seconds", Float, nullable=False),
    Column("has_ended", Boolean, nullable=False),
)

THRESHOLDS = Table(
    "thresholds",
    METADATA,
    _of_run(primary_key=True),
    Column("name", String, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("definition", JSON, nullable=False),
)

RESULTS = Table(
    "results",
    METADATA,
    _of_run(primary_key=True),
    Column("threshold", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("result", JSON, nullable=False),  # as of the last writing, at the prices of then
    Column("crossing", JSON),  # from which, with the ledger, every figure is reckoned anew
)

SEGMENTS = Table(
    "segments",
    METADATA,
    _of_run(primary_key=True),  # a run that goes on from another one's checkpoint has that one's segments too
    Column("id", String, primary_key=True),
    Column("position", Integer, nullable=False),  # in the run's ledger
    Column("process", String),  # the one that opened it, where that is known
    Column("instance", JSON, nullable=False),
    Column("unpriced_because", String),
    Column("billing", JSON, nullable=False),
    Column("instance_start", String, nullable=False),
    Column("billed_from", Float, nullable=False),
    Column("has_wall_clock", Boolean, nullable=False),
)

MARKS = Table(
    "marks",
    METADATA,
    *_of_segment(),
    Column("position", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("wall_time", Float, nullable=False),
    Column("elapsed_seconds", Float, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("name", String),
    Column("resumes", JSON),
)

QUOTES = Table(
    "quotes",
    METADATA,
    *_of_segment(),
    Column("position", Integer, primary_key=True),  # the last one counts; those before were restated
    Column("quote", JSON, nullable=False),  # without its steps
)

PRICE_STEPS = Table(
    "price_steps",
    METADATA,
    *_of_segment(),
    Column("position", Integer, primary_key=True),  # of its quote
    Column("since", Float, primary_key=True),
    Column("usd_per_hour", Float, nullable=False),
)

CURVES = Table(
    "curves",
    METADATA,
    _of_run(primary_key=True),
    Column("metric", String, primary_key=True),
    Column("smoothing", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),  # among the metric's observations
    Column("samples", BigInteger, nullable=False),
    Column("elapsed_seconds", Float, nullable=False),
    Column("raw", Float, nullable=False),
    Column("smoothed", Float, nullable=False),
)

EVENTS = Table(
    "events",
    METADATA,
    Column("id", String, primary_key=True),
    _of_run(index=True),
    Column("kind", String, nullable=False),
    Column("wall_time", Float, nullable=False),
    Column("elapsed_seconds", Float, nullable=False),
    Column("samples", BigInteger, nullable=False),
    Column("detail", JSON, nullable=False),
)
