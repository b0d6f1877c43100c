"""The contents of job_chunks in a table of their own."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, Integer, LargeBinary, Text

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Move them there."""
    op.create_table(
        "job_contents",
        Column("job_id", Text, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("content", LargeBinary, nullable=False),
        ForeignKeyConstraint(
            ["job_id", "number"], ["job_chunks.job_id", "job_chunks.number"], ondelete="CASCADE"
        ),
    )
    op.execute(
        "INSERT INTO job_contents (job_id, number, content)"
        " SELECT job_id, number, content FROM job_chunks WHERE status <> 'done'"
    )
    op.drop_column("job_chunks", "content")


def downgrade() -> None:
    """Move them back."""
    op.add_column("job_chunks", Column("content", LargeBinary, nullable=False, server_default=""))
    op.execute(
        "UPDATE job_chunks SET content = job_contents.content FROM job_contents"
        " WHERE job_contents.job_id = job_chunks.job_id AND job_contents.number = job_chunks.number"
    )
    op.drop_table("job_contents")
