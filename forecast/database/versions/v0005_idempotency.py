"""What a call with an Idempotency-Key has made, beside its key."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the column."""
    op.add_column("idempotency_keys", Column("made", Text))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("idempotency_keys", "made")
