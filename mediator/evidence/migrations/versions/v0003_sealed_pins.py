"""What a pinned DAG is made of: sealed blocks, and contents that are recorded."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pin_blocks",
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("multihash", sa.LargeBinary(), nullable=False),
        sa.Column("stored_cid", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["root"], ["pins.stored_cid"], name=op.f("fk_pin_blocks_root")),
        sa.PrimaryKeyConstraint("root", "multihash", name=op.f("pk_pin_blocks")),
    )
    op.create_index(op.f("ix_pin_blocks_multihash"), "pin_blocks", ["multihash"], unique=False)
    op.create_table(
        "pin_contents",
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("content_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["contents.id"], name=op.f("fk_pin_contents_content_id")),
        sa.ForeignKeyConstraint(["root"], ["pins.stored_cid"], name=op.f("fk_pin_contents_root")),
        sa.PrimaryKeyConstraint("root", "content_id", name=op.f("pk_pin_contents")),
    )
    op.create_index(op.f("ix_pin_contents_content_id"), "pin_contents", ["content_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_pin_contents_content_id"), table_name="pin_contents")
    op.drop_table("pin_contents")
    op.drop_index(op.f("ix_pin_blocks_multihash"), table_name="pin_blocks")
    op.drop_table("pin_blocks")
