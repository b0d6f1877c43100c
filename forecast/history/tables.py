"""The tables of history: datasets, their covariates and items, and what was observed of these."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from forecast.database.metadata import Json, Serial, UtcDateTime, metadata

Code = Text().with_variant(Text(collation="C"), "postgresql")
"""Text in the order of its code points, as SQLite and Python have it."""

datasets = Table(
    "datasets",
    metadata,
    Column("dataset_id", Serial, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("name", Code, nullable=False),
    Column("missing", Text, nullable=False),
    Column("freq", Text),
    Column("timezone", Text),
    Column("country", Text),
    Column("calendar", Json),
    # The roles that covariates were given, by name; others have the one that goes with their values.
    Column("roles", Json, nullable=False),
    # Whether its stamps are moments, or times of a clock; NULL before there are any.
    Column("zoned", Boolean),
    Column("created_at", UtcDateTime, nullable=False),
    Column("changed", BigInteger, nullable=False, server_default=text("0")),
    # What the column of values was called when it was sent last.
    Column("value_column", Text),
    UniqueConstraint("client_id", "name"),
)

covariates = Table(
    "covariates",
    metadata,
    Column(
        "dataset_id",
        Serial,
        ForeignKey("datasets.dataset_id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    # Where its values stand in `observations.covariates`.
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    # The categories that a value is the place of; NULL where it is a number.
    Column("labels", Json),
    UniqueConstraint("dataset_id", "name"),
)

items = Table(
    "items",
    metadata,
    Column("item_key", Serial, primary_key=True),
    Column("dataset_id", Serial, ForeignKey("datasets.dataset_id", ondelete="CASCADE"), nullable=False),
    Column("item_id", Code, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False, server_default=text("0")),
    UniqueConstraint("dataset_id", "item_id"),
)

observations = Table(
    "observations",
    metadata,
    # No foreign key: looking it up for each of millions of rows would take as long as writing them.
    Column("item_key", BigInteger, primary_key=True, autoincrement=False),
    # Microseconds since 1970, in UTC or by the dataset's clock.
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Double),
    Column("covariates", LargeBinary),
    sqlite_with_rowid=False,
)
