"""Further codes of a challenge, the address that they go to, and requests that may be repeated.

Revision 0016, after 0015. Challenges that are open now have no address, so they take no further codes. What they hold
stays where it is: a challenge's first code is its own.
"""

from datetime import timedelta

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_COUNTED = ["project_id", "channel", "counted_as"]
_HAS_ADDRESS = sa.text("address IS NOT NULL")
_challenge = sa.table(
    "otp_challenge",
    sa.column("id"),
    sa.column("ttl"),
    sa.column("created_at", notifapp.database.UtcDateTime(timezone=True)),
    sa.column("expires_at", notifapp.database.UtcDateTime(timezone=True)),
)
_resend = sa.table("otp_resend", sa.column("challenge_id"))


def upgrade() -> None:
    op.add_column("otp_challenge", sa.Column("address", sa.Text(), nullable=True))
    op.create_index(
        "ix_otp_challenge_address",
        "otp_challenge",
        ["expires_at"],
        sqlite_where=_HAS_ADDRESS,
        postgresql_where=_HAS_ADDRESS,
    )
    op.drop_index("ix_otp_challenge_counted", "otp_challenge")
    op.create_index("ix_otp_challenge_counted", "otp_challenge", [*_COUNTED, "resend_at"])
    op.create_table(
        "otp_resend",
        sa.Column("challenge_id", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("settings_version", sa.Integer(), nullable=False),
        sa.Column("code_length", sa.Integer(), nullable=False),
        sa.Column("code_mac", sa.String(length=64), nullable=False),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("expires_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("number > 1", name=op.f("ck_otp_resend_number_after_the_first")),
        sa.ForeignKeyConstraint(
            ["challenge_id"],
            ["otp_challenge.id"],
            name=op.f("fk_otp_resend_challenge_id_otp_challenge"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_otp_resend_delivery_id_delivery")),
        sa.PrimaryKeyConstraint("challenge_id", "number", name=op.f("pk_otp_resend")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_otp_resend_delivery", "otp_resend", ["delivery_id"])
    op.create_table(
        "idempotent_request",
        sa.Column("key_mac", sa.String(length=64), nullable=False),
        sa.Column("body_mac", sa.String(length=64), nullable=False),
        sa.Column("lease_until", notifapp.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("expires_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "(lease_until IS NULL) = (reply IS NOT NULL)", name=op.f("ck_idempotent_request_leased_until_replied")
        ),
        sa.PrimaryKeyConstraint("key_mac", name=op.f("pk_idempotent_request")),
    )
    op.create_index("ix_idempotent_request_expires_at", "idempotent_request", ["expires_at"])


def downgrade() -> None:
    op.drop_table("idempotent_request")
    _end_with_the_first_code()
    op.drop_table("otp_resend")
    op.drop_index("ix_otp_challenge_counted", "otp_challenge")
    op.create_index("ix_otp_challenge_counted", "otp_challenge", [*_COUNTED, "created_at"])
    op.drop_index("ix_otp_challenge_address", "otp_challenge")
    op.drop_column("otp_challenge", "address")


def _end_with_the_first_code() -> None:
    """Only a challenge's first code is left, which must not live for as long as the last one would have."""
    connection = op.get_bind()
    has_resends = _challenge.c.id.in_(sa.select(_resend.c.challenge_id))
    for row in connection.execute(sa.select(_challenge).where(has_resends)).all():
        ends = {"expires_at": row.created_at + timedelta(seconds=row.ttl)}
        connection.execute(sa.update(_challenge).where(_challenge.c.id == row.id).values(ends))
