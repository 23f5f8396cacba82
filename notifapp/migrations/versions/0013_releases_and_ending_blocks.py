"""Blocks of recipients that end by themselves, the permission to release recipients, and the outbox by age.

Revision 0013, after 0012.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_CODES = (1036, 1037, 2811, 2812, 2813, 2831, 2832, 2833, 9001, 9002)
_OTP_RELEASE = 9003
_recipient = sa.table(
    "otp_recipient",
    sa.column("stopped_at"),
    sa.column("blocked_until", notifapp.database.UtcDateTime(timezone=True)),
)


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
    _allow_permission_codes((*_CODES, _OTP_RELEASE))
    # Written by hand, because SQLite adds a CHECK without copying the table only as part of its column.
    op.execute(
        "ALTER TABLE otp_limits ADD COLUMN stop_hours INTEGER DEFAULT 24"
        " CONSTRAINT ck_otp_limits_stop_hours_positive CHECK (stop_hours > 0)"
    )
    # Who is blocked now will be for another day: the time of a block without an end was that of its last wait.
    tomorrow = datetime.now(UTC) + timedelta(hours=24)
    op.execute(sa.update(_recipient).where(_recipient.c.stopped_at.is_not(None)).values(blocked_until=tomorrow))
    op.create_index("ix_outbox_message_created_at", "outbox_message", ["created_at"])


def downgrade() -> None:
    op.drop_index("ix_outbox_message_created_at", "outbox_message")
    op.execute("ALTER TABLE otp_limits DROP COLUMN stop_hours")
    op.execute(f"DELETE FROM membership_permission WHERE code = {_OTP_RELEASE}")
    _allow_permission_codes(_CODES)
