"""A breaker for each notifier, in place of whether it is down.

Revision 0024, after 0023.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = notifapp.database.UtcDateTime(timezone=True)
    op.create_table(
        "notifier_breaker",
        sa.Column("notifier_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=9), server_default="closed", nullable=False),
        sa.Column("cause", sa.String(length=7), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("since", time, nullable=True),
        sa.Column("retry_at", time, nullable=True),
        sa.Column("probe_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("state IN ('closed', 'open', 'half_open')", name=op.f("ck_notifier_breaker_state_known")),
        sa.CheckConstraint("cause IN ('failing', 'slow')", name=op.f("ck_notifier_breaker_cause_known")),
        sa.CheckConstraint(
            "(state = 'closed') = (cause IS NULL)", name=op.f("ck_notifier_breaker_cause_unless_closed")
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (since IS NULL)", name=op.f("ck_notifier_breaker_since_unless_closed")
        ),
        sa.CheckConstraint(
            "(state = 'closed') = (retry_at IS NULL)", name=op.f("ck_notifier_breaker_retry_unless_closed")
        ),
        sa.CheckConstraint(
            "(state = 'half_open') = (probe_id IS NOT NULL)", name=op.f("ck_notifier_breaker_probe_while_half_open")
        ),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_notifier_breaker_failures_count")),
        sa.PrimaryKeyConstraint("notifier_id", name=op.f("pk_notifier_breaker")),
    )
    op.execute(
        "INSERT INTO notifier_breaker (notifier_id, state, cause, failures, since, retry_at) "
        "SELECT notifier_id, CASE WHEN is_down THEN 'open' ELSE 'closed' END, CASE WHEN is_down THEN 'failing' END, "
        "failures, CASE WHEN is_down THEN changed_at END, CASE WHEN is_down THEN changed_at END FROM notifier_health"
    )
    op.drop_table("notifier_health")


def downgrade() -> None:
    op.create_table(
        "notifier_health",
        sa.Column("notifier_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("is_down", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("changed_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint("failures >= 0", name=op.f("ck_notifier_health_failures_count")),
        sa.PrimaryKeyConstraint("notifier_id", name=op.f("pk_notifier_health")),
    )
    op.execute(
        "INSERT INTO notifier_health (notifier_id, failures, is_down, changed_at) "
        "SELECT notifier_id, failures, state <> 'closed', COALESCE(since, CURRENT_TIMESTAMP) FROM notifier_breaker "
        "WHERE cause IS NULL OR cause = 'failing'"
    )
    op.drop_table("notifier_breaker")
