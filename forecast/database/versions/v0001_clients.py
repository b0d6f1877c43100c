"""The tables of forecast.clients."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them."""


def downgrade() -> None:
    """Drop them."""
