"""Alerts, who is told of them, their events, and their emails among the deliveries.

Revision 0027, after 0026.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_TIME = notifapp.database.UtcDateTime(timezone=True)
_OPEN = sa.text("ended_at IS NULL")
# What the tables say before and after: a CHECK each, and the length of the purpose.
_CHECKS = {
    "delivery": ("ck_delivery_purpose_known", "purpose IN ('otp', 'test'{})", ", 'alert'"),
    "event_subscription": (
        "ck_event_subscription_type_known",
        "type IN ('code.approved', 'code.expired', 'delivery.failed', 'delivery.undelivered', 'settings.changed', "
        "'limit.reached', 'notifier.down', 'notifier.up'{})",
        ", 'alert.began', 'alert.ended'",
    ),
}
_PURPOSE = ("purpose VARCHAR(4)", "purpose VARCHAR(5)")


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.String(length=300), nullable=False),
        sa.Column("carrier", sa.String(length=120), nullable=True),
        sa.Column("began_at", _TIME, nullable=False),
        sa.Column("calm_since", _TIME, nullable=True),
        sa.Column("ended_at", _TIME, nullable=True),
        sa.CheckConstraint("kind IN ('failing', 'slow', 'standby', 'went_back', 'balance', 'stopped', 'blocked')", name=op.f("ck_alert_kind_known")),
        sa.CheckConstraint("ended_at >= began_at", name=op.f("ck_alert_ended_after_it_began")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_alert_project_id_project")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "uq_alert_open", "alert", ["project_id", "kind", "subject"], unique=True,
        sqlite_where=_OPEN, postgresql_where=_OPEN,
    )  # fmt: skip
    op.create_index("ix_alert_project", "alert", ["project_id", "began_at", "id"])
    op.create_index("ix_alert_ended", "alert", ["ended_at"])
    op.create_table(
        "alert_settings",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("emails", sa.JSON(), nullable=False),
        sa.Column("balance_days", sa.Integer(), server_default=sa.text("3"), nullable=False),
        sa.CheckConstraint("balance_days BETWEEN 1 AND 90", name=op.f("ck_alert_settings_balance_days_bounds")),
        sa.ForeignKeyConstraint(["project_id"], ["project.id"], name=op.f("fk_alert_settings_project_id_project")),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_alert_settings")),
    )
    for table in _CHECKS:
        _reword(table, before=0, after=1)


def downgrade() -> None:
    op.execute("DELETE FROM event_subscription WHERE type IN ('alert.began', 'alert.ended')")
    op.execute("UPDATE delivery SET purpose = 'test' WHERE purpose = 'alert'")
    for table in _CHECKS:
        _reword(table, before=1, after=0)
    op.drop_table("alert_settings")
    op.drop_table("alert")


def _reword(table: str, before: int, after: int) -> None:
    """Replace a table's CHECK, and the length of the purpose; on SQLite in its definition, as 0018 does."""
    name, words, more = _CHECKS[table]
    checks = (words.format(""), words.format(more))
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f(name), table, type_="check")
        if table == "delivery":
            op.execute(f"ALTER TABLE delivery ALTER COLUMN purpose TYPE {_PURPOSE[after].split()[1]}")
        op.create_check_constraint(op.f(name), table, checks[after])
        return
    find = "SELECT sql FROM sqlite_schema WHERE name = ?"
    [definition] = connection.exec_driver_sql(find, (table,)).scalars()
    for texts in (checks, _PURPOSE):
        definition = definition.replace(texts[before], texts[after])
    [version] = connection.exec_driver_sql("PRAGMA schema_version").scalars()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (definition, table))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
