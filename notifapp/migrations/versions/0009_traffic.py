"""What a project sends by the hour, what it allows, and what a challenge is counted by.

Revision 0009, after 0008. Existing projects go on sending everywhere, under caps that no shop of theirs has reached.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_NUMBERS = {
    "codes_per_hour": (2_000, 1_000_000),
    "codes_per_day": (10_000, 1_000_000),
    "token_codes_per_hour": (1_000, 1_000_000),
    "token_codes_per_day": (5_000, 1_000_000),
    "client_codes_per_hour": (4, 1_000_000),
    "client_codes_per_day": (8, 1_000_000),
    "wrong_percent": (1, 100),
    "wrong_least": (100, 1_000_000),
}


def upgrade() -> None:
    op.create_table(
        "otp_traffic",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("hour", sa.Integer(), autoincrement=False, nullable=False),
        *(
            sa.Column(name, sa.Integer(), server_default="0", nullable=False)
            for name in ("sent", "verified", "wrong", "refused")
        ),
        sa.CheckConstraint(
            "scope IN ('project', 'token', 'country', 'prefix', 'client', 'refusal', 'audited')",
            name=op.f("ck_otp_traffic_scope_known"),
        ),
        sa.CheckConstraint(
            "sent >= 0 AND verified >= 0 AND wrong >= 0 AND refused >= 0", name=op.f("ck_otp_traffic_counts")
        ),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_otp_traffic_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", "scope", "key", "hour", name=op.f("pk_otp_traffic")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "otp_traffic_limits",
        sa.Column("project_id", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.Integer(), server_default=sa.text(str(default)), nullable=False)
            for name, (default, _most) in _NUMBERS.items()
        ),
        sa.Column("countries", sa.Text(), nullable=True),
        sa.Column("mobile_only", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("breaker", sa.String(length=6), server_default="deny", nullable=False),
        *(
            sa.CheckConstraint(f"{name} BETWEEN 1 AND {most}", name=op.f(f"ck_otp_traffic_limits_{name}_bounds"))
            for name, (_default, most) in _NUMBERS.items()
        ),
        sa.CheckConstraint("breaker IN ('deny', 'record')", name=op.f("ck_otp_traffic_limits_breaker_known")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_otp_traffic_limits_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_otp_traffic_limits")),
    )
    op.execute(
        "INSERT INTO otp_traffic_limits (project_id, codes_per_hour, codes_per_day, token_codes_per_hour,"
        " token_codes_per_day, countries, mobile_only)"
        " SELECT id, 10000, 100000, 10000, 100000, '', false FROM project"
    )
    op.add_column("otp_challenge", sa.Column("counted_as", sa.String(length=64), server_default="", nullable=False))
    op.add_column("otp_challenge", sa.Column("country", sa.String(length=3), nullable=True))
    op.add_column("otp_challenge", sa.Column("prefix", sa.String(length=6), nullable=True))
    op.add_column("otp_challenge", sa.Column("unsettled", sa.Integer(), server_default="1", nullable=False))
    op.execute("UPDATE otp_challenge SET counted_as = recipient_digest")
    op.drop_index("ix_otp_challenge_recipient", "otp_challenge")
    op.create_index(
        "ix_otp_challenge_counted", "otp_challenge", ["project_id", "channel", "counted_as", "created_at"]
    )


def downgrade() -> None:
    op.drop_index("ix_otp_challenge_counted", "otp_challenge")
    op.create_index(
        "ix_otp_challenge_recipient", "otp_challenge", ["project_id", "channel", "recipient_digest", "created_at"]
    )
    for column in ("unsettled", "prefix", "country", "counted_as"):
        op.drop_column("otp_challenge", column)
    op.drop_table("otp_traffic_limits")
    op.drop_table("otp_traffic")
