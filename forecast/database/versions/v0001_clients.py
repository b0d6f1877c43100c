"""The tables of forecast.clients."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make them, and the client of API_SECRET_KEY."""
    moment = sa.DateTime(timezone=True)
    clients = op.create_table(
        "clients",
        sa.Column("client_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", moment, nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text, primary_key=True),
        sa.Column("client_id", sa.Text, sa.ForeignKey("clients.client_id"), nullable=False, index=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key_hash", sa.Text, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("inferences_per_minute", sa.Integer),
        sa.Column("inferences_per_day", sa.Integer),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment),
        sa.Column("revoked_at", moment),
    )
    default = {"client_id": "default", "name": "API_SECRET_KEY", "created_at": datetime.now(UTC)}
    op.bulk_insert(clients, [default])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("api_keys")
    op.drop_table("clients")
