"""Trials of settings, and changes that nobody made by hand.

Revision 0023, after 0022.
"""

import sqlalchemy as sa
from alembic import op

from notifapp.database import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_SOURCES = ("'page', 'api', 'cli'", "'page', 'api', 'cli', 'automatic'")
_LENGTHS = ("source VARCHAR(4)", "source VARCHAR(9)")
_WITH_AUTOMATIC = ("settings_revision", "audit_event")  # the source of a message's revision is only as long


def upgrade() -> None:
    _reword(before=0, after=1)
    op.create_table(
        "settings_trial",
        sa.Column("project_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("reverts_to", sa.Integer(), nullable=False),
        sa.Column("started_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("reverts_at", UtcDateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "reverts_to >= 0 AND reverts_to < version", name=op.f("ck_settings_trial_reverts_to_earlier")
        ),
        sa.CheckConstraint("reverts_at > started_at", name=op.f("ck_settings_trial_reverts_later")),
        sa.ForeignKeyConstraint(
            ["project_id", "version"],
            ["settings_revision.project_id", "settings_revision.version"],
            name=op.f("fk_settings_trial_project_id_version_settings_revision"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_settings_trial")),
    )
    op.create_index(op.f("ix_settings_trial_reverts_at"), "settings_trial", ["reverts_at"])


def downgrade() -> None:
    op.drop_table("settings_trial")
    for table in _WITH_AUTOMATIC:
        op.execute(f"UPDATE {table} SET source = 'cli' WHERE source = 'automatic'")
    _reword(before=1, after=0)


def _reword(before: int, after: int) -> None:
    """Replace the CHECKs and the length of the source, on SQLite without copying the tables, as 0018 does."""
    connection = op.get_bind()
    tables = (*_WITH_AUTOMATIC, "message_template_revision")
    if connection.dialect.name != "sqlite":
        for table in tables:
            op.drop_constraint(op.f(f"ck_{table}_source_known"), table, type_="check")
            op.execute(f"ALTER TABLE {table} ALTER COLUMN source TYPE {_LENGTHS[after].split()[1]}")
            known = _SOURCES[after if table in _WITH_AUTOMATIC else 0]
            op.create_check_constraint(op.f(f"ck_{table}_source_known"), table, f"source IN ({known})")
        return
    definitions = "SELECT name, sql FROM sqlite_schema WHERE type = 'table'"
    found = {name: sql for name, sql in connection.exec_driver_sql(definitions) if name in tables}
    [version] = connection.exec_driver_sql("PRAGMA schema_version").scalars()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    for table, sql in found.items():
        worded = sql.replace(_LENGTHS[before], _LENGTHS[after])
        if table in _WITH_AUTOMATIC:
            worded = worded.replace(f"({_SOURCES[before]})", f"({_SOURCES[after]})")
        connection.exec_driver_sql("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (worded, table))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
