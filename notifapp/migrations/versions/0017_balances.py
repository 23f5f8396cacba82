"""What is left on the notifiers' accounts, hour by hour.

Revision 0017, after 0016.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notifier_balance",
        sa.Column("notifier_id", sa.Integer(), nullable=False),
        sa.Column("hour", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("amount", sa.Double(), nullable=True),
        sa.Column("currency", sa.String(8), nullable=True),
        sa.ForeignKeyConstraint(
            ["notifier_id"],
            ["notifier.id"],
            name=op.f("fk_notifier_balance_notifier_id_notifier"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("notifier_id", "hour", name=op.f("pk_notifier_balance")),
    )
    op.create_index("ix_notifier_balance_hour", "notifier_balance", ["hour"])


def downgrade() -> None:
    op.drop_table("notifier_balance")
