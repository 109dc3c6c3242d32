"""The first schema: whatever bears this number was made whole, by `milepost.store.schema`."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Do nothing: a store is never brought up to here."""
