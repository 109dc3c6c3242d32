"""The first schema."""

from alembic import op

from milepost.store.schema import METADATA

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables; a store of this release never comes here, since it is made whole."""
    METADATA.create_all(op.get_bind())
