"""Where each session is signed in, and when it was last used.

The cookies of the sessions from before are signed in the old way and no longer accepted, so their rows go.

Revision 0012, after 0011.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("DELETE FROM held_secret")
    op.execute("DELETE FROM user_session")
    with op.batch_alter_table("user_session") as session:
        session.add_column(sa.Column("device", sa.String(length=40), nullable=False))
        session.add_column(sa.Column("address", sa.String(length=45), nullable=True))
        session.add_column(sa.Column("used_at", notifapp.database.UtcDateTime(timezone=True), nullable=False))


def downgrade() -> None:
    for column in ("used_at", "address", "device"):
        op.drop_column("user_session", column)
