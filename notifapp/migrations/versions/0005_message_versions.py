"""Message templates with a version, their revisions, and the email's subject, which may hold a code from now on:
the outbox encrypts it.

Revision 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

import notifapp.database
from notifapp.migrations import fernet

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A template was always saved together with an audit event: the last one tells who made what is stored.
_FIRST_REVISIONS = """
INSERT INTO message_template_revision
    (project_id, channel, version, subject, body, autofill_host, created_at, actor_id, actor, source)
SELECT t.project_id, t.channel, t.version, t.subject, t.body, t.autofill_host,
    coalesce(e.at, p.created_at), e.actor_id, coalesce(e.actor, 'operator'), coalesce(e.source, 'cli')
FROM message_template AS t
JOIN project AS p ON p.id = t.project_id
LEFT JOIN audit_event AS e ON e.id = (
    SELECT max(id) FROM audit_event
    WHERE action = 'message_template_changed' AND project_id = t.project_id
    AND (lower(subject) = t.channel OR lower(subject) LIKE t.channel || ', version %')
)
"""
# The placeholder of today, in words that the code of before can fill in.
_PUT_MINUTES = "UPDATE message_template SET body = replace(body, '{validity}', '{minutes} min')"


def _encrypt_outbox_subjects() -> None:
    # SQLite can't change a column's type: drop it and add it again.
    table = sa.table("outbox_message", sa.column("id"), sa.column("subject"))
    connection = op.get_bind()
    subjects = connection.execute(sa.select(table.c.id, table.c.subject).where(table.c.subject.is_not(None))).all()
    op.execute("ALTER TABLE outbox_message DROP COLUMN subject")
    op.execute("ALTER TABLE outbox_message ADD COLUMN subject TEXT")
    for row in subjects:
        subject = fernet.encrypt(row.subject)
        connection.execute(sa.update(table).where(table.c.id == row.id).values(subject=subject))


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
    _encrypt_outbox_subjects()


def downgrade() -> None:
    # A subject may hold a code, which must not be stored readable.
    op.execute("ALTER TABLE outbox_message DROP COLUMN subject")
    op.execute("ALTER TABLE outbox_message ADD COLUMN subject VARCHAR(254)")
    op.execute(_PUT_MINUTES)
    op.drop_table("message_template_revision")
    for column in ("subject", "version"):
        op.execute(f"ALTER TABLE message_template DROP COLUMN {column}")
