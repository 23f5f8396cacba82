"""Deliveries, one-time codes, message templates, and the permission codes that go with them.

Revision 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_CODES = (1036, 1037, 2811, 2812, 2813, 2831, 2832, 2833)
_OTP_CODES = (9001, 9002)


def _allow_permission_codes(codes: tuple[int, ...]) -> None:
    # SQLite copies the table. Its definition is given here, because its CHECK can't be reflected safely.
    name = "ck_membership_permission_code_known"
    condition = f"code IN ({', '.join(map(str, codes))})"
    if op.get_bind().dialect.name != "sqlite":
        op.drop_constraint(op.f(name), "membership_permission", type_="check")
        op.create_check_constraint(op.f(name), "membership_permission", condition)
        return
    table = sa.Table(
        "membership_permission",
        sa.MetaData(),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), autoincrement=False, nullable=False),
        sa.CheckConstraint(condition, name=op.f(name)),
        sa.ForeignKeyConstraint(
            ["user_id", "project_id"],
            ["membership.user_id", "membership.project_id"],
            name=op.f("fk_membership_permission_user_id_project_id_membership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "project_id", "code", name=op.f("pk_membership_permission")),
    )
    with op.batch_alter_table("membership_permission", copy_from=table, recreate="always"):
        pass


def upgrade() -> None:
    _allow_permission_codes((*_CODES, *_OTP_CODES))
    op.create_table(
        "message_template",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("body", sa.String(length=1000), nullable=False),
        sa.Column("autofill_host", sa.String(length=253), nullable=True),
        sa.CheckConstraint("body <> ''", name=op.f("ck_message_template_body_not_empty")),
        sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f("ck_message_template_channel_known")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_message_template_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", "channel", name=op.f("pk_message_template")),
    )
    op.create_table(
        "delivery",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("notifier_id", sa.Integer(), nullable=True),
        sa.Column("notifier_name", sa.String(length=120), nullable=False),
        sa.Column("backend", sa.String(length=30), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("purpose", sa.String(length=4), nullable=False),
        sa.Column("status", sa.String(length=7), server_default="queued", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("payload", sa.Text(), nullable=True),
        sa.Column("next_attempt_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("lease_until", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("expires_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("provider_id", sa.String(length=200), nullable=True),
        sa.Column("error_code", sa.String(length=60), nullable=True),
        sa.Column("error_reason", sa.String(length=300), nullable=True),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("started_at", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("finished_at", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(lease_until IS NOT NULL) = (status = 'sending')", name=op.f("ck_delivery_lease_while_sending")
        ),
        sa.CheckConstraint(
            "(payload IS NULL) = (status IN ('sent', 'failed'))", name=op.f("ck_delivery_payload_erased_at_the_end")
        ),
        sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f("ck_delivery_channel_known")),
        sa.CheckConstraint("purpose IN ('otp', 'test')", name=op.f("ck_delivery_purpose_known")),
        sa.CheckConstraint("status IN ('queued', 'sending', 'sent', 'failed')", name=op.f("ck_delivery_status_known")),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_delivery_attempts_count")),
        sa.ForeignKeyConstraint(
            ["notifier_id"], ["notifier.id"], name=op.f("fk_delivery_notifier_id_notifier"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_delivery_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_due", "delivery", ["status", "next_attempt_at"], unique=False)
    op.create_index("ix_delivery_lease", "delivery", ["status", "lease_until"], unique=False)
    op.create_index("ix_delivery_notifier", "delivery", ["notifier_id", "created_at", "id"], unique=False)
    op.create_index("ix_delivery_project", "delivery", ["project_id", "created_at", "id"], unique=False)
    op.create_index(
        "ix_delivery_project_status", "delivery", ["project_id", "status", "created_at", "id"], unique=False
    )

    op.create_table(
        "otp_challenge",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("recipient_digest", sa.String(length=64), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("settings_version", sa.Integer(), nullable=False),
        sa.Column("code_length", sa.Integer(), nullable=False),
        sa.Column("ttl", sa.Integer(), nullable=False),
        sa.Column("code_mac", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=8), server_default="pending", nullable=False),
        sa.Column("attempts_left", sa.Integer(), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("resend_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("approved_at", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "(approved_at IS NOT NULL) = (status = 'approved')", name=op.f("ck_otp_challenge_approved_at_an_instant")
        ),
        sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f("ck_otp_challenge_channel_known")),
        sa.CheckConstraint(
            "status IN ('pending', 'approved', 'replaced', 'failed')", name=op.f("ck_otp_challenge_status_known")
        ),
        sa.CheckConstraint("attempts_left >= 0", name=op.f("ck_otp_challenge_attempts_left_counts")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_otp_challenge_delivery_id_delivery")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_otp_challenge_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_otp_challenge")),
    )
    op.create_index(
        "ix_otp_challenge_recipient",
        "otp_challenge",
        ["project_id", "channel", "recipient_digest", "created_at"],
        unique=False,
    )
    op.create_index(
        "uq_otp_challenge_open",
        "otp_challenge",
        ["project_id", "channel", "recipient_digest"],
        unique=True,
        sqlite_where=sa.text("status = 'pending'"),
        postgresql_where=sa.text("status = 'pending'"),
    )

    op.create_table(
        "otp_limits",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("resend_seconds", sa.Integer(), server_default=sa.text("60"), nullable=False),
        sa.Column("sends_per_hour", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("sends_per_day", sa.Integer(), server_default=sa.text("10"), nullable=False),
        sa.Column("max_failures", sa.Integer(), server_default=sa.text("100"), nullable=False),
        sa.Column("phone_region", sa.String(length=2), nullable=True),
        sa.CheckConstraint("max_attempts BETWEEN 1 AND 10", name=op.f("ck_otp_limits_max_attempts_bounds")),
        sa.CheckConstraint("max_failures BETWEEN 1 AND 100", name=op.f("ck_otp_limits_max_failures_bounds")),
        sa.CheckConstraint("resend_seconds BETWEEN 1 AND 3600", name=op.f("ck_otp_limits_resend_seconds_bounds")),
        sa.CheckConstraint("sends_per_day BETWEEN 1 AND 1000", name=op.f("ck_otp_limits_sends_per_day_bounds")),
        sa.CheckConstraint("sends_per_hour BETWEEN 1 AND 1000", name=op.f("ck_otp_limits_sends_per_hour_bounds")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_otp_limits_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_otp_limits")),
    )
    op.create_table(
        "otp_recipient",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("masked", sa.String(length=254), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("blocked_until", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f("ck_otp_recipient_channel_known")),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_otp_recipient_failures_count")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_otp_recipient_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", "channel", "digest", name=op.f("pk_otp_recipient")),
    )
    op.create_index("ix_otp_recipient_stopped", "otp_recipient", ["project_id", "stopped_at"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_otp_recipient_stopped", table_name="otp_recipient")

    op.drop_table("otp_recipient")
    op.drop_table("otp_limits")
    op.drop_index("uq_otp_challenge_open", table_name="otp_challenge")
    op.drop_index("ix_otp_challenge_recipient", table_name="otp_challenge")

    op.drop_table("otp_challenge")
    op.drop_index("ix_delivery_project_status", table_name="delivery")
    op.drop_index("ix_delivery_project", table_name="delivery")
    op.drop_index("ix_delivery_notifier", table_name="delivery")
    op.drop_index("ix_delivery_lease", table_name="delivery")
    op.drop_index("ix_delivery_due", table_name="delivery")

    op.drop_table("delivery")
    op.drop_table("message_template")
    op.execute(sa.text("DELETE FROM membership_permission WHERE code IN (9001, 9002)"))
    _allow_permission_codes(_CODES)
