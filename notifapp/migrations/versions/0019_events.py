"""Endpoints that are told events, the messages that tell them, and whether notifiers work.

Revision 0019, after 0018.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TYPES = (
    "code.approved", "code.expired", "delivery.failed", "delivery.undelivered",
    "settings.changed", "limit.reached", "notifier.down", "notifier.up",
)  # fmt: skip


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "event_endpoint",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("rotated_at", time, nullable=True),
        sa.Column("expiries_told_until", time, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.CheckConstraint("url <> ''", name=op.f("ck_event_endpoint_url_not_empty")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_event_endpoint_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_endpoint")),
        sa.UniqueConstraint("project_id", "url", name=op.f("uq_event_endpoint_project_id_url")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "event_subscription",
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "type IN ({})".format(", ".join(f"'{each}'" for each in _TYPES)),
            name=op.f("ck_event_subscription_type_known"),
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_event_subscription_project_id_project")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["event_endpoint.id"],
            name=op.f("fk_event_subscription_endpoint_id_event_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("type", "project_id", "endpoint_id", name=op.f("pk_event_subscription")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_event_subscription_endpoint", "event_subscription", ["endpoint_id"])
    op.create_table(
        "event_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("endpoint_id", sa.Integer(), nullable=False),
        sa.Column("event_id", sa.String(length=32), nullable=False),
        sa.Column("type", sa.String(length=30), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("status", sa.String(length=7), server_default="queued", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("next_attempt_at", time, nullable=False),
        sa.Column("lease_until", time, nullable=True),
        sa.Column("expires_at", time, nullable=False),
        sa.Column("response_code", sa.Integer(), nullable=True),
        sa.Column("error_reason", sa.String(length=300), nullable=True),
        sa.Column("created_at", time, nullable=False),
        sa.Column("finished_at", time, nullable=True),
        sa.CheckConstraint(
            "status IN ('queued', 'sending', 'sent', 'failed')", name=op.f("ck_event_message_status_known")
        ),
        sa.CheckConstraint(
            "(lease_until IS NOT NULL) = (status = 'sending')", name=op.f("ck_event_message_lease_while_sending")
        ),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (status IN ('sent', 'failed'))",
            name=op.f("ck_event_message_finished_at_the_end"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_event_message_attempts_count")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"],
            ["event_endpoint.id"],
            name=op.f("fk_event_message_endpoint_id_event_endpoint"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_message")),
        sa.UniqueConstraint("endpoint_id", "event_id", name=op.f("uq_event_message_endpoint_id_event_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_message_endpoint", "event_message", ["endpoint_id", "created_at", "id"])
    op.create_index("ix_event_message_due", "event_message", ["status", "next_attempt_at"])
    op.create_index("ix_event_message_lease", "event_message", ["status", "lease_until"])
    op.create_index("ix_event_message_created", "event_message", ["created_at"])
    op.create_index("ix_event_message_recipient", "event_message", ["recipient"])
    op.create_table(
        "notifier_health",
        sa.Column("notifier_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_down", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("changed_at", time, nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_notifier_health_failures_count")),
        sa.PrimaryKeyConstraint("notifier_id", name=op.f("pk_notifier_health")),
    )
    op.execute("ALTER TABLE delivery ADD COLUMN challenge_id VARCHAR(32)")
    op.execute(
        "UPDATE delivery SET challenge_id = (SELECT id FROM otp_challenge WHERE delivery_id = delivery.id) "
        "WHERE id IN (SELECT delivery_id FROM otp_challenge)"
    )
    op.execute(
        "UPDATE delivery SET challenge_id = (SELECT challenge_id FROM otp_resend WHERE delivery_id = delivery.id) "
        "WHERE id IN (SELECT delivery_id FROM otp_resend)"
    )
    op.create_index("ix_delivery_challenge", "delivery", ["challenge_id"])
    is_pending = sa.text("status = 'pending'")
    op.create_index(
        "ix_otp_challenge_expires",
        "otp_challenge",
        ["project_id", "expires_at"],
        sqlite_where=is_pending,
        postgresql_where=is_pending,
    )


def downgrade() -> None:
    op.drop_index("ix_otp_challenge_expires", "otp_challenge")
    op.drop_index("ix_delivery_challenge", "delivery")
    op.execute("ALTER TABLE delivery DROP COLUMN challenge_id")
    for table in ("notifier_health", "event_message", "event_subscription", "event_endpoint"):
        op.drop_table(table)
