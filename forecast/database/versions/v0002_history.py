"""The tables of forecast.history."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
)

from forecast.database.metadata import Json, Serial, UtcDateTime

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make them."""
    code = Text().with_variant(Text(collation="C"), "postgresql")
    op.create_table(
        "datasets",
        Column("dataset_id", Serial, primary_key=True),
        Column("client_id", Text, nullable=False),
        Column("name", code, nullable=False),
        Column("missing", Text, nullable=False),
        Column("freq", Text),
        Column("timezone", Text),
        Column("country", Text),
        Column("calendar", Json),
        Column("roles", Json, nullable=False),
        Column("zoned", Boolean),
        Column("created_at", UtcDateTime, nullable=False),
        UniqueConstraint("client_id", "name"),
    )
    dataset = ForeignKey("datasets.dataset_id", ondelete="CASCADE")
    op.create_table(
        "covariates",
        Column("dataset_id", Serial, dataset, primary_key=True, autoincrement=False),
        Column("position", Integer, primary_key=True, autoincrement=False),
        Column("name", Text, nullable=False),
        Column("labels", Json),
        UniqueConstraint("dataset_id", "name"),
    )
    dataset = ForeignKey("datasets.dataset_id", ondelete="CASCADE")
    op.create_table(
        "items",
        Column("item_key", Serial, primary_key=True),
        Column("dataset_id", Serial, dataset, nullable=False),
        Column("item_id", code, nullable=False),
        Column("first", BigInteger, nullable=False),
        Column("last", BigInteger, nullable=False),
        Column("rows", BigInteger, nullable=False),
        UniqueConstraint("dataset_id", "item_id"),
    )
    op.create_table(
        "observations",
        Column("item_key", BigInteger, primary_key=True, autoincrement=False),
        Column("at", BigInteger, primary_key=True, autoincrement=False),
        Column("value", Double),
        Column("covariates", LargeBinary),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("observations", "items", "covariates", "datasets"):
        op.drop_table(name)
