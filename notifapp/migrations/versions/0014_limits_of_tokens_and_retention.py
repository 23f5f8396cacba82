"""Tokens that may do less than their owners, and indexes that find what is old enough to be deleted.

Revision 0014, after 0013.
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The check belongs to the column, so that SQLite adds and drops both in place, and needs no copy of the table.
    op.execute(
        "ALTER TABLE api_token ADD COLUMN codes VARCHAR(200) "
        "CONSTRAINT ck_api_token_codes_not_empty CHECK (codes <> '')"
    )
    op.create_index("ix_otp_challenge_created", "otp_challenge", ["created_at"])
    op.create_index("ix_otp_challenge_delivery", "otp_challenge", ["delivery_id"])
    op.create_index("ix_delivery_created", "delivery", ["created_at"])
    op.create_index(op.f("ix_password_link_expires_at"), "password_link", ["expires_at"])
    op.create_index("ix_otp_traffic_hour", "otp_traffic", ["hour"])


def downgrade() -> None:
    op.drop_index("ix_otp_traffic_hour", table_name="otp_traffic")
    op.drop_index(op.f("ix_password_link_expires_at"), table_name="password_link")
    op.drop_index("ix_delivery_created", table_name="delivery")
    op.drop_index("ix_otp_challenge_delivery", table_name="otp_challenge")
    op.drop_index("ix_otp_challenge_created", table_name="otp_challenge")
    op.drop_column("api_token", "codes")
