"""What became of codes, five minutes by five minutes.

Revision 0026, after 0025.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

COUNTS = ("asked", "sent", "failed", "delivered", "undelivered", "verified")


def upgrade() -> None:
    op.create_table(
        "code_slice",
        sa.Column("notifier_id", sa.Integer(), nullable=False),
        sa.Column("starts_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in COUNTS),
        sa.Column("times", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["notifier_id"], ["notifier.id"], name=op.f("fk_code_slice_notifier_id_notifier"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("notifier_id", "starts_at", name=op.f("pk_code_slice")),
    )
    op.create_index("ix_code_slice_starts_at", "code_slice", ["starts_at"])


def downgrade() -> None:
    op.drop_table("code_slice")
