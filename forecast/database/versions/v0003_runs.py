"""The tables of forecast.runs."""

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make them."""


def downgrade() -> None:
    """Drop them."""
