"""What clients call the column of values of datasets of forecast.history."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the column."""
    op.add_column("datasets", Column("value_column", Text))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("datasets", "value_column")
