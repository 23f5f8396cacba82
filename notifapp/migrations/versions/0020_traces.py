"""What happened to a recipient and is in no other table.

Revision 0020, after 0019.
"""

import sqlalchemy as sa
from alembic import op

from notifapp.database import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "trace",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("challenge_id", sa.String(length=32), nullable=True),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.Column("attempt", sa.Integer(), nullable=True),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.CheckConstraint(
            "kind IN ('refused', 'wrong_code', 'late_code', 'claimed', 'failed')", name=op.f("ck_trace_kind_known")
        ),
        sa.CheckConstraint(
            "(digest IS NULL) = (delivery_id IS NOT NULL)", name=op.f("ck_trace_of_recipient_or_delivery")
        ),
        sa.CheckConstraint("(attempt IS NULL) = (delivery_id IS NULL)", name=op.f("ck_trace_attempt_of_delivery")),
        sa.ForeignKeyConstraint(
            ["challenge_id"],
            ["otp_challenge.id"],
            name=op.f("fk_trace_challenge_id_otp_challenge"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["delivery.id"], name=op.f("fk_trace_delivery_id_delivery"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trace")),
    )
    op.create_index("ix_trace_digest", "trace", ["digest", "at", "kind"])
    is_of_delivery = sa.text("delivery_id IS NOT NULL")
    op.create_index(
        "ix_trace_delivery",
        "trace",
        ["delivery_id"],
        sqlite_where=is_of_delivery,
        postgresql_where=is_of_delivery,
    )
    op.create_index("ix_trace_challenge", "trace", ["challenge_id"])
    op.create_index("ix_trace_at", "trace", ["at"])


def downgrade() -> None:
    op.drop_table("trace")
