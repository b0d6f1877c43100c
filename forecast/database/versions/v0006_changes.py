"""When datasets and items of forecast.history were changed last."""

from alembic import op
from sqlalchemy import BigInteger, Column, text

revision = "0006"
down_revision = "0005"

_TABLES = ("datasets", "items")


def upgrade() -> None:
    """Make the columns."""
    for name in _TABLES:
        op.add_column(name, Column("changed", BigInteger, nullable=False, server_default=text("0")))


def downgrade() -> None:
    """Drop them."""
    for name in _TABLES:
        op.drop_column(name, "changed")
