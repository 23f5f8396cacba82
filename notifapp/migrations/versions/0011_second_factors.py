"""Second factors, and when a session last proved who is at it.

Revision 0011, after 0009.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None

_TIME = notifapp.database.UtcDateTime(timezone=True)


def upgrade() -> None:
    op.add_column("user_session", sa.Column("proved_at", _TIME, nullable=True))
    op.execute("UPDATE user_session SET proved_at = created_at")
    op.add_column(
        "user_account", sa.Column("has_second_factor", sa.Boolean(), server_default=sa.false(), nullable=False)
    )
    op.add_column("user_account", sa.Column("second_factor_reset_at", _TIME, nullable=True))
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("rp_id", sa.String(length=253), nullable=False),
        sa.Column("credential_id", sa.String(length=1364), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.CheckConstraint("name <> ''", name=op.f("ck_passkey_name_not_empty")),
        sa.CheckConstraint("sign_count >= 0", name=op.f("ck_passkey_sign_count_not_negative")),
        _of_a_user("passkey"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
        sa.UniqueConstraint("credential_id", name=op.f("uq_passkey_credential_id")),
    )
    op.create_index(op.f("ix_passkey_user_id"), "passkey", ["user_id"])
    op.create_table(
        "totp_app",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("last_used_at", _TIME, nullable=True),
        sa.CheckConstraint("name <> ''", name=op.f("ck_totp_app_name_not_empty")),
        _of_a_user("totp_app"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_totp_app")),
    )
    op.create_index(op.f("ix_totp_app_user_id"), "totp_app", ["user_id"])
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        _of_a_user("recovery_code"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_code")),
        sa.UniqueConstraint("user_id", "digest", name=op.f("uq_recovery_code_user_id_digest")),
    )
    op.create_table(
        "pending_sign_in",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        _of_a_user("pending_sign_in"),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_pending_sign_in")),
    )
    op.create_index(op.f("ix_pending_sign_in_user_id"), "pending_sign_in", ["user_id"])
    op.create_index(op.f("ix_pending_sign_in_expires_at"), "pending_sign_in", ["expires_at"])
    op.create_table(
        "used_challenge",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_used_challenge")),
    )
    op.create_index(op.f("ix_used_challenge_expires_at"), "used_challenge", ["expires_at"])


def downgrade() -> None:
    for table in ("used_challenge", "pending_sign_in", "recovery_code", "totp_app", "passkey"):
        op.drop_table(table)
    op.drop_column("user_account", "second_factor_reset_at")
    op.drop_column("user_account", "has_second_factor")
    op.drop_column("user_session", "proved_at")


def _of_a_user(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_user_id_user_account")
    return sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name=name, ondelete="CASCADE")
