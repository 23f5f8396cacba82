"""Message templates with a version, their revisions, and the email's subject, which may hold a code from now on:
the outbox encrypts it.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A template was always saved together with an audit event: the last one tells who made what is stored.
_FIRST_REVISIONS = """
INSERT INTO message_template_revision
    (project_id, channel, version, subject, body, autofill_host, created_at, actor_id, actor, source)
SELECT t.project_id, t.channel, t.version, t.subject, t.body, t.autofill_host, e.at, e.actor_id, e.actor, e.source
FROM message_template AS t
JOIN audit_event AS e ON e.id = (
    SELECT max(id) FROM audit_event
    WHERE action = 'message_template_changed' AND project_id = t.project_id AND lower(subject) = t.channel
)
"""


def _store_outbox_subjects(
    before: sa.types.TypeEngine[str], after: sa.types.TypeEngine[str], *, sql_type: str
) -> None:
    # SQLite can't change a column's type: drop it and add it again.
    old, new = (sa.table("outbox_message", sa.column("id"), sa.column("subject", type_)) for type_ in (before, after))
    connection = op.get_bind()
    subjects = connection.execute(sa.select(old.c.id, old.c.subject).where(old.c.subject.is_not(None))).all()
    op.execute("ALTER TABLE outbox_message DROP COLUMN subject")
    op.execute(f"ALTER TABLE outbox_message ADD COLUMN subject {sql_type}")
    for row in subjects:
        connection.execute(sa.update(new).where(new.c.id == row.id).values(subject=row.subject[:254]))


def upgrade() -> None:
    # Written by hand, because SQLite adds a CHECK without copying the table only as part of its column.
    for column, check in (
        ("version INTEGER DEFAULT '1' NOT NULL", "version_counts CHECK (version > 0)"),
        (
            "subject VARCHAR(150) DEFAULT 'Your code for {project}' NOT NULL",
            "subject_not_empty CHECK (subject <> '')",
        ),
    ):
        op.execute(f"ALTER TABLE message_template ADD COLUMN {column} CONSTRAINT ck_message_template_{check}")
    op.create_table(
        "message_template_revision",
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=5), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("subject", sa.String(length=150), nullable=False),
        sa.Column("body", sa.String(length=1000), nullable=False),
        sa.Column("autofill_host", sa.String(length=253), nullable=True),
        sa.Column("created_at", notifapp.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=254), nullable=False),
        sa.Column("source", sa.String(length=4), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=True),
        sa.CheckConstraint(
            "source IN ('page', 'api', 'cli')", name=op.f("ck_message_template_revision_source_known")
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["user_account.id"], name=op.f("fk_message_template_revision_actor_id_user_account")
        ),
        sa.ForeignKeyConstraint(
            ["project_id"], ["project.id"], name=op.f("fk_message_template_revision_project_id_project")
        ),
        sa.PrimaryKeyConstraint("project_id", "channel", "version", name=op.f("pk_message_template_revision")),
    )
    op.execute(_FIRST_REVISIONS)
    _store_outbox_subjects(sa.String(254), notifapp.database.EncryptedJson(), sql_type="TEXT")


def downgrade() -> None:
    _store_outbox_subjects(notifapp.database.EncryptedJson(), sa.String(254), sql_type="VARCHAR(254)")
    op.drop_table("message_template_revision")
    for column in ("subject", "version"):
        op.execute(f"ALTER TABLE message_template DROP COLUMN {column}")
