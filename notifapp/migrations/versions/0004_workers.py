"""A row for each worker that runs; a project's last approval, and what each channel was asked for, by indexes.

Revision 0004, after 0003.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


_COUNTED = ["project_id", "created_at", "id", "notifier_name", "status"]


def upgrade() -> None:
    op.drop_index("ix_delivery_project", "delivery")
    op.create_index("ix_delivery_project", "delivery", [*_COUNTED, "channel"])
    op.create_table(
        "worker_heartbeat",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("started_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_worker_heartbeat")),
    )
    op.create_index(
        "ix_otp_challenge_approved",
        "otp_challenge",
        ["project_id", "approved_at"],
        sqlite_where=sa.text("approved_at IS NOT NULL"),
        postgresql_where=sa.text("approved_at IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_project", "delivery")
    op.create_index("ix_delivery_project", "delivery", _COUNTED)
    op.drop_index("ix_otp_challenge_approved", "otp_challenge")
    op.drop_table("worker_heartbeat")
