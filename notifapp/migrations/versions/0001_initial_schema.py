"""Initial schema.

Revision 0001, after .
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "project",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("slug", sa.String(length=63), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("archived_at", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name <> ''", name=op.f("ck_project_name_not_empty")),
        sa.CheckConstraint("slug <> ''", name=op.f("ck_project_slug_not_empty")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_project")),
        sa.UniqueConstraint("slug", name=op.f("uq_project_slug")),
    )
    op.create_table(
        "throttle",
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("window_started_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_throttle")),
    )
    with op.batch_alter_table("throttle", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_throttle_window_started_at"), ["window_started_at"], unique=False)

    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=True),
        sa.Column("is_admin", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("name <> ''", name=op.f("ck_user_account_name_not_empty")),
        sa.CheckConstraint("email = lower(email)", name=op.f("ck_user_account_email_lower")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_account")),
        sa.UniqueConstraint("email", name=op.f("uq_user_account_email")),
    )
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.CheckConstraint("name <> ''", name=op.f("ck_api_token_name_not_empty")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_api_token_project_id_project")),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=op.f("fk_api_token_user_id_user_account")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_api_token_digest")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_token_prefix")),
    )
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_api_token_project_id"), ["project_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_api_token_user_id"), ["user_id"], unique=False)

    op.create_table(
        "membership",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_membership_project_id_project"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_membership_user_id_user_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", "project_id", name=op.f("pk_membership")),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_membership_project_id"), ["project_id"], unique=False)

    op.create_table(
        "notifier",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("backend", sa.String(length=30), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("secrets", sa.Text(), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("updated_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f("ck_notifier_channel_known")),
        sa.CheckConstraint("name <> ''", name=op.f("ck_notifier_name_not_empty")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_notifier_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifier")),
        sa.UniqueConstraint("project_id", "channel", "id", name=op.f("uq_notifier_project_id_channel_id")),
        sa.UniqueConstraint("project_id", "channel", "name", name=op.f("uq_notifier_project_id_channel_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "outbox_message",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=254), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("channel IN ('sms', 'email')", name=op.f("ck_outbox_message_channel_known")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_outbox_message_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox_message")),
    )
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_message_project_id"), ["project_id"], unique=False)

    op.create_table(
        "password_link",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_password_link_user_id_user_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_password_link")),
        sa.UniqueConstraint("digest", name=op.f("uq_password_link_digest")),
    )
    op.create_table(
        "settings_revision",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sms_notifier_id", sa.Integer(), nullable=True),
        sa.Column("sms_notifier_name", sa.String(length=120), nullable=True),
        sa.Column("email_notifier_id", sa.Integer(), nullable=True),
        sa.Column("email_notifier_name", sa.String(length=120), nullable=True),
        sa.Column("otp_code_len", sa.Integer(), nullable=False),
        sa.Column("otp_ttl", sa.Integer(), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("source", sa.String(length=4), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.CheckConstraint("source IN ('page', 'api', 'cli')", name=op.f("ck_settings_revision_source_known")),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["user_account.id"], name=op.f("fk_settings_revision_actor_id_user_account")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_settings_revision_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", "version", name=op.f("pk_settings_revision")),
    )
    op.create_table(
        "user_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["user_account.id"], name=op.f("fk_user_session_user_id_user_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_user_session")),
        sa.UniqueConstraint("digest", name=op.f("uq_user_session_digest")),
    )
    with op.batch_alter_table("user_session", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_user_session_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_user_session_user_id"), ["user_id"], unique=False)

    op.create_table(
        "audit_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("source", sa.String(length=4), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=True),
        sa.Column("token_id", sa.Integer(), nullable=True),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("subject", sa.String(length=254), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.CheckConstraint("source IN ('page', 'api', 'cli')", name=op.f("ck_audit_event_source_known")),
        sa.ForeignKeyConstraint(["actor_id"], ["user_account.id"], name=op.f("fk_audit_event_actor_id_user_account")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_audit_event_project_id_project")),
        sa.ForeignKeyConstraint(["token_id"], ["api_token.id"], name=op.f("fk_audit_event_token_id_api_token")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.create_index("ix_audit_event_action", ["action", "at", "id"], unique=False)
        batch_op.create_index("ix_audit_event_actor", ["actor", "at", "id"], unique=False)
        batch_op.create_index("ix_audit_event_at", ["at", "id"], unique=False)
        batch_op.create_index("ix_audit_event_project", ["project_id", "at", "id"], unique=False)
        batch_op.create_index("ix_audit_event_source", ["source", "at", "id"], unique=False)

    op.create_table(
        "membership_permission",
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Integer(), autoincrement=False, nullable=False),
        sa.CheckConstraint(
            "code IN (1036, 1037, 2811, 2812, 2813, 2831, 2832, 2833)", name=op.f("ck_membership_permission_code_known")
        ),
        sa.ForeignKeyConstraint(
            ["user_id", "project_id"],
            ["membership.user_id", "membership.project_id"],
            name=op.f("fk_membership_permission_user_id_project_id_membership"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("user_id", "project_id", "code", name=op.f("pk_membership_permission")),
    )
    op.create_table(
        "notification_settings",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("sms_channel", sa.String(length=5), server_default="sms", nullable=False),
        sa.Column("sms_notifier_id", sa.Integer(), nullable=True),
        sa.Column("email_channel", sa.String(length=5), server_default="email", nullable=False),
        sa.Column("email_notifier_id", sa.Integer(), nullable=True),
        sa.Column("otp_code_len", sa.Integer(), server_default=sa.text("5"), nullable=False),
        sa.Column("otp_ttl", sa.Integer(), server_default=sa.text("(120)"), nullable=False),
        sa.CheckConstraint(
            "sms_channel = 'sms' AND email_channel = 'email'", name=op.f("ck_notification_settings_channels_fixed")
        ),
        sa.CheckConstraint("otp_code_len BETWEEN 4 AND 10", name=op.f("ck_notification_settings_otp_code_len_bounds")),
        sa.CheckConstraint("otp_ttl BETWEEN 30 AND 3600", name=op.f("ck_notification_settings_otp_ttl_bounds")),
        sa.CheckConstraint("version >= 0", name=op.f("ck_notification_settings_version_counts")),
        sa.ForeignKeyConstraint(
            ["project_id", "email_channel", "email_notifier_id"],
            ["notifier.project_id", "notifier.channel", "notifier.id"],
            name="fk_notification_settings_email_notifier",
        ),
        sa.ForeignKeyConstraint(
            ["project_id", "sms_channel", "sms_notifier_id"],
            ["notifier.project_id", "notifier.channel", "notifier.id"],
            name="fk_notification_settings_sms_notifier",
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_notification_settings_project_id_project")
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_notification_settings")),
    )
    with op.batch_alter_table("notification_settings", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_notification_settings_email_notifier_id"), ["email_notifier_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_notification_settings_sms_notifier_id"), ["sms_notifier_id"], unique=False)


def downgrade() -> None:

    with op.batch_alter_table("notification_settings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notification_settings_sms_notifier_id"))
        batch_op.drop_index(batch_op.f("ix_notification_settings_email_notifier_id"))

    op.drop_table("notification_settings")
    op.drop_table("membership_permission")
    with op.batch_alter_table("audit_event", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_event_source")
        batch_op.drop_index("ix_audit_event_project")
        batch_op.drop_index("ix_audit_event_at")
        batch_op.drop_index("ix_audit_event_actor")
        batch_op.drop_index("ix_audit_event_action")

    op.drop_table("audit_event")
    with op.batch_alter_table("user_session", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_user_session_user_id"))
        batch_op.drop_index(batch_op.f("ix_user_session_expires_at"))

    op.drop_table("user_session")
    op.drop_table("settings_revision")
    op.drop_table("password_link")
    with op.batch_alter_table("outbox_message", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_message_project_id"))

    op.drop_table("outbox_message")
    op.drop_table("notifier")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_project_id"))

    op.drop_table("membership")
    with op.batch_alter_table("api_token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_api_token_user_id"))
        batch_op.drop_index(batch_op.f("ix_api_token_project_id"))

    op.drop_table("api_token")
    op.drop_table("user_account")
    with op.batch_alter_table("throttle", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_throttle_window_started_at"))

    op.drop_table("throttle")
    op.drop_table("project")
