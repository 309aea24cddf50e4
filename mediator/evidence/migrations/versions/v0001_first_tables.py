"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contents",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("cid", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("stored_cid", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contents")),
        sa.UniqueConstraint("cid", name=op.f("uq_contents_cid")),
    )
    op.create_index(op.f("ix_contents_sha256"), "contents", ["sha256"], unique=False)
    op.create_index(op.f("ix_contents_stored_cid"), "contents", ["stored_cid"], unique=False)
    op.create_table(
        "custody",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("submission_id", sa.Text(), nullable=True),
        sa.Column("cid", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_custody")),
    )
    op.create_index(op.f("ix_custody_cid"), "custody", ["cid"], unique=False)
    op.create_index(op.f("ix_custody_submission_id"), "custody", ["submission_id"], unique=False)
    op.create_table(
        "custody_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_custody_head_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_head")),
    )
    op.create_table(
        "holds",
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("placed_by", sa.Text(), nullable=True),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("released_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("scope in ('content', 'submission', 'complaint')", name=op.f("ck_holds_scope")),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_holds")),
    )
    op.create_index(op.f("ix_holds_target"), "holds", ["target"], unique=False)
    op.create_table(
        "pins",
        sa.Column("stored_cid", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("pinned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("stored_cid", name=op.f("pk_pins")),
    )
    op.create_table(
        "queue",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("replica", sa.Text(), nullable=False),
        sa.Column("stored_cid", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue")),
    )
    op.create_index(op.f("ix_queue_replica_stored_cid"), "queue", ["replica", "stored_cid"], unique=True)
    op.create_table(
        "submissions",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("submission_id", sa.Text(), nullable=False),
        sa.Column("content_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("file_name", sa.LargeBinary(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("complaint", sa.Text(), nullable=True),
        sa.Column("claim_type", sa.Text(), nullable=True),
        sa.Column("element", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["contents.id"], name=op.f("fk_submissions_content_id")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_submissions")),
        sa.UniqueConstraint("submission_id", name=op.f("uq_submissions_submission_id")),
    )
    op.create_index(op.f("ix_submissions_claim_type"), "submissions", ["claim_type"], unique=False)
    op.create_index(op.f("ix_submissions_complaint"), "submissions", ["complaint"], unique=False)
    op.create_index(op.f("ix_submissions_content_id"), "submissions", ["content_id"], unique=False)
    op.create_index(op.f("ix_submissions_element"), "submissions", ["element"], unique=False)
    op.create_index(op.f("ix_submissions_file_name"), "submissions", ["file_name"], unique=False)
    op.create_index(op.f("ix_submissions_media_type"), "submissions", ["media_type"], unique=False)
    op.create_index(op.f("ix_submissions_owner"), "submissions", ["owner"], unique=False)
    op.create_index(op.f("ix_submissions_submitted_at"), "submissions", ["submitted_at"], unique=False)
    op.create_index(op.f("ix_submissions_type"), "submissions", ["type"], unique=False)
    head = sa.table("custody_head", sa.column("id"), sa.column("seq"), sa.column("hash"))
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": "0" * 64}])


def downgrade() -> None:
    op.drop_index(op.f("ix_submissions_type"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_submitted_at"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_owner"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_media_type"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_file_name"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_element"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_content_id"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_complaint"), table_name="submissions")
    op.drop_index(op.f("ix_submissions_claim_type"), table_name="submissions")
    op.drop_table("submissions")
    op.drop_index(op.f("ix_queue_replica_stored_cid"), table_name="queue")
    op.drop_table("queue")
    op.drop_table("pins")
    op.drop_index(op.f("ix_holds_target"), table_name="holds")
    op.drop_table("holds")
    op.drop_table("custody_head")
    op.drop_index(op.f("ix_custody_submission_id"), table_name="custody")
    op.drop_index(op.f("ix_custody_cid"), table_name="custody")
    op.drop_table("custody")
    op.drop_index(op.f("ix_contents_stored_cid"), table_name="contents")
    op.drop_index(op.f("ix_contents_sha256"), table_name="contents")
    op.drop_table("contents")
