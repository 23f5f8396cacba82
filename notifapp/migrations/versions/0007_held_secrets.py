"""What a session may take once, for some minutes: new credentials, and secrets that were typed for a test.

Revision 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "held_secret",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("session_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(length=254), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("expires_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"],
            ["user_session.id"],
            name=op.f("fk_held_secret_session_id_user_session"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_held_secret")),
        sa.UniqueConstraint("session_id", "purpose", name=op.f("uq_held_secret_session_id_purpose")),
    )
    op.create_index(op.f("ix_held_secret_expires_at"), "held_secret", ["expires_at"])


def downgrade() -> None:
    op.drop_table("held_secret")
