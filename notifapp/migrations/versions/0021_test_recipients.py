"""Test recipients: addresses with a fixed code, to which nothing is sent.

Revision 0021, after 0020.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "otp_test_recipient",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=11), nullable=False),
        sa.Column("ends_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=254), nullable=False),
        sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f("ck_otp_test_recipient_channel_known")),
        sa.CheckConstraint(
            "outcome IN ('delivered', 'slow', 'refused', 'undelivered')",
            name=op.f("ck_otp_test_recipient_outcome_known"),
        ),
        sa.CheckConstraint("ends_at > created_at", name=op.f("ck_otp_test_recipient_ends_later")),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_otp_test_recipient_project_id_project")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_otp_test_recipient")),
        sa.UniqueConstraint("project_id", "channel", "digest", name=op.f("uq_otp_test_recipient_project_id_channel_digest")),
    )
    op.create_index("ix_otp_test_recipient_ends_at", "otp_test_recipient", ["ends_at"])


def downgrade() -> None:
    op.drop_table("otp_test_recipient")
