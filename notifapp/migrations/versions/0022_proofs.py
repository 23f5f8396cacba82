"""Which notifiers are proven, the codes that prove them, and which projects require it.

Revision 0022, after 0021.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_TIME = notifapp.database.UtcDateTime(timezone=True)


def upgrade() -> None:
    # Written by hand, because SQLite adds a CHECK without copying the table only as part of its column.
    for digest, at in (("digest", "configured_at"), ("proven_digest", "proven_at")):
        op.execute(f"ALTER TABLE notifier ADD COLUMN {digest} VARCHAR(64)")
        op.execute(
            f"ALTER TABLE notifier ADD COLUMN {at} {_TIME.compile(dialect=op.get_bind().dialect)}"
            f" CONSTRAINT ck_notifier_{at}_with_digest CHECK (({at} IS NULL) = ({digest} IS NULL))"
        )
    op.add_column(
        "notification_settings", sa.Column("requires_proof", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "notifier_proof",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("code_mac", sa.String(length=64), nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("proven_at", _TIME, nullable=True),
        sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f("ck_notifier_proof_channel_known")),
        sa.CheckConstraint("attempts_left >= 0", name=op.f("ck_notifier_proof_attempts_left_counts")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_notifier_proof_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifier_proof")),
    )
    op.create_index("ix_notifier_proof_digest", "notifier_proof", ["project_id", "channel", "digest"])
    op.create_index("ix_notifier_proof_created", "notifier_proof", ["created_at"])


def downgrade() -> None:
    op.drop_table("notifier_proof")
    op.drop_column("notification_settings", "requires_proof")
    for column in ("proven_at", "proven_digest", "configured_at", "digest"):
        op.execute(f"ALTER TABLE notifier DROP COLUMN {column}")
