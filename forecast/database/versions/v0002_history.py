"""The tables of forecast.history."""

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them."""


def downgrade() -> None:
    """Drop them."""
