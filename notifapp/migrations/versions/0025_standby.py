"""Standby notifiers, and which notifier a message was tried through.

Revision 0025, after 0024.
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standby_notifier",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("notifier_id", sa.Integer(), nullable=False),
        sa.CheckConstraint("position BETWEEN 1 AND 3", name=op.f("ck_standby_notifier_position_bounds")),
        sa.ForeignKeyConstraint(
            ["project_id", "channel", "notifier_id"],
            ["notifier.project_id", "notifier.channel", "notifier.id"],
            name="fk_standby_notifier_notifier",
        ),
        sa.PrimaryKeyConstraint("project_id", "channel", "position", name=op.f("pk_standby_notifier")),
        sa.UniqueConstraint("notifier_id", name=op.f("uq_standby_notifier_notifier_id")),
        sqlite_with_rowid=False,
    )
    # Not in batches, which would copy these large tables on SQLite.
    op.execute("ALTER TABLE settings_revision ADD COLUMN standby JSON")
    op.execute("ALTER TABLE delivery ADD COLUMN instead_of VARCHAR(120)")
    op.execute("ALTER TABLE trace ADD COLUMN notifier VARCHAR(120)")


def downgrade() -> None:
    op.execute("ALTER TABLE trace DROP COLUMN notifier")
    op.execute("ALTER TABLE delivery DROP COLUMN instead_of")
    op.execute("ALTER TABLE settings_revision DROP COLUMN standby")
    op.drop_table("standby_notifier")
