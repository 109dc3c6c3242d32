"""The first schema, as it was then: later ones are reached from here, and this one never changes."""

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKeyConstraint,
    Integer,
    PrimaryKeyConstraint,
    String,
)

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables; a store of this release never comes here, since it is made whole."""
    op.create_table(
        "runs",
        Column("id", String(), nullable=False),
        Column("group", String(), nullable=True),
        Column("name", String(), nullable=True),
        Column("tags", JSON(), nullable=False),
        Column("config", JSON(), nullable=False),
        Column("git_commit", String(), nullable=True),
        Column("seed", BigInteger(), nullable=True),
        Column("host", String(), nullable=True),
        Column("status", String(), nullable=False),
        Column("started_at", Float(), nullable=False),
        Column("alive_at", Float(), nullable=False),
        Column("charges", JSON(), nullable=False),
        PrimaryKeyConstraint("id", name=op.f("pk_runs")),
    )
    op.create_index(op.f("ix_runs_group"), "runs", ["group"], unique=False)
    op.create_table(
        "curves",
        Column("run", String(), nullable=False),
        Column("metric", String(), nullable=False),
        Column("smoothing", String(), nullable=False),
        Column("position", BigInteger(), nullable=False),
        Column("samples", BigInteger(), nullable=False),
        Column("elapsed_seconds", Float(), nullable=False),
        Column("raw", Float(), nullable=False),
        Column("smoothed", Float(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_curves_run_runs"), ondelete="CASCADE"),
        PrimaryKeyConstraint("run", "metric", "smoothing", "position", name=op.f("pk_curves")),
    )
    op.create_table(
        "events",
        Column("id", String(), nullable=False),
        Column("run", String(), nullable=False),
        Column("kind", String(), nullable=False),
        Column("wall_time", Float(), nullable=False),
        Column("elapsed_seconds", Float(), nullable=False),
        Column("samples", BigInteger(), nullable=False),
        Column("detail", JSON(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_events_run_runs"), ondelete="CASCADE"),
        PrimaryKeyConstraint("id", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_run"), "events", ["run"], unique=False)
    op.create_table(
        "processes",
        Column("id", String(), nullable=False),
        Column("run", String(), nullable=False),
        Column("host", String(), nullable=False),
        Column("pid", Integer(), nullable=False),
        Column("birth", String(), nullable=True),
        Column("started_at", Float(), nullable=False),
        Column("alive_at", Float(), nullable=False),
        Column("heartbeat_seconds", Float(), nullable=False),
        Column("has_ended", Boolean(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_processes_run_runs"), ondelete="CASCADE"),
        PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )
    op.create_index(op.f("ix_processes_run"), "processes", ["run"], unique=False)
    op.create_table(
        "results",
        Column("run", String(), nullable=False),
        Column("threshold", String(), nullable=False),
        Column("status", String(), nullable=False),
        Column("result", JSON(), nullable=False),
        Column("crossing", JSON(), nullable=True),
        ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_results_run_runs"), ondelete="CASCADE"),
        PrimaryKeyConstraint("run", "threshold", name=op.f("pk_results")),
    )
    op.create_table(
        "segments",
        Column("run", String(), nullable=False),
        Column("id", String(), nullable=False),
        Column("position", Integer(), nullable=False),
        Column("process", String(), nullable=True),
        Column("instance", JSON(), nullable=False),
        Column("unpriced_because", String(), nullable=True),
        Column("billing", JSON(), nullable=False),
        Column("instance_start", String(), nullable=False),
        Column("billed_from", Float(), nullable=False),
        Column("has_wall_clock", Boolean(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_segments_run_runs"), ondelete="CASCADE"),
        PrimaryKeyConstraint("run", "id", name=op.f("pk_segments")),
    )
    op.create_table(
        "thresholds",
        Column("run", String(), nullable=False),
        Column("name", String(), nullable=False),
        Column("position", Integer(), nullable=False),
        Column("definition", JSON(), nullable=False),
        ForeignKeyConstraint(["run"], ["runs.id"], name=op.f("fk_thresholds_run_runs"), ondelete="CASCADE"),
        PrimaryKeyConstraint("run", "name", name=op.f("pk_thresholds")),
    )
    op.create_table(
        "marks",
        Column("run", String(), nullable=False),
        Column("segment", String(), nullable=False),
        Column("position", Integer(), nullable=False),
        Column("kind", String(), nullable=False),
        Column("wall_time", Float(), nullable=False),
        Column("elapsed_seconds", Float(), nullable=False),
        Column("samples", BigInteger(), nullable=False),
        Column("name", String(), nullable=True),
        Column("resumes", JSON(), nullable=True),
        ForeignKeyConstraint(
            ["run", "segment"],
            ["segments.run", "segments.id"],
            name=op.f("fk_marks_run_segments"),
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint("run", "segment", "position", name=op.f("pk_marks")),
    )
    op.create_table(
        "price_steps",
        Column("run", String(), nullable=False),
        Column("segment", String(), nullable=False),
        Column("position", Integer(), nullable=False),
        Column("since", Float(), nullable=False),
        Column("usd_per_hour", Float(), nullable=False),
        ForeignKeyConstraint(
            ["run", "segment"],
            ["segments.run", "segments.id"],
            name=op.f("fk_price_steps_run_segments"),
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint("run", "segment", "position", "since", name=op.f("pk_price_steps")),
    )
    op.create_table(
        "quotes",
        Column("run", String(), nullable=False),
        Column("segment", String(), nullable=False),
        Column("position", Integer(), nullable=False),
        Column("quote", JSON(), nullable=False),
        ForeignKeyConstraint(
            ["run", "segment"],
            ["segments.run", "segments.id"],
            name=op.f("fk_quotes_run_segments"),
            ondelete="CASCADE",
        ),
        PrimaryKeyConstraint("run", "segment", "position", name=op.f("pk_quotes")),
    )
