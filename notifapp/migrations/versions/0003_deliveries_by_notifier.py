"""Indexes for the page of deliveries: its charts, and its filter by notifier.

Revision 0003, after 0002.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_delivery_notifier", "delivery")
    op.drop_index("ix_delivery_project", "delivery")
    op.create_index("ix_delivery_notifier", "delivery", ["notifier_id"])
    op.create_index("ix_delivery_project", "delivery", ["project_id", "created_at", "id", "notifier_name", "status"])
    op.create_index(
        "ix_delivery_project_notifier", "delivery", ["project_id", "notifier_name", "created_at", "id"]
    )


def downgrade() -> None:
    op.drop_index("ix_delivery_project_notifier", "delivery")
    op.drop_index("ix_delivery_project", "delivery")
    op.drop_index("ix_delivery_notifier", "delivery")
    op.create_index("ix_delivery_project", "delivery", ["project_id", "created_at", "id"])
    op.create_index("ix_delivery_notifier", "delivery", ["notifier_id", "created_at", "id"])
