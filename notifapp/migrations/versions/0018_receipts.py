"""What carriers say of deliveries, when to ask for it, and an address for each notifier where they tell it.

Revision 0018, after 0017.
"""

from __future__ import annotations

import hashlib
import secrets

import sqlalchemy as sa
from alembic import op

import notifapp.database
from notifapp.database import vault

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_TIME = notifapp.database.UtcDateTime(timezone=True)
_ASKED = sa.text("next_ask_at IS NOT NULL")
# What the table says before and after: its CHECKs, and the length of the status.
_CHECKS = {
    "ck_delivery_status_known": (
        "status IN ('queued', 'sending', 'sent', 'failed')",
        "status IN ('queued', 'sending', 'sent', 'delivered', 'undelivered', 'failed')",
    ),
    "ck_delivery_payload_erased_at_the_end": (
        "(payload IS NULL) = (status IN ('sent', 'failed'))",
        "(payload IS NULL) = (status NOT IN ('queued', 'sending'))",
    ),
}
_STATUS = ("status VARCHAR(7)", "status VARCHAR(11)")


def upgrade() -> None:
    op.execute("ALTER TABLE delivery ADD COLUMN reported_at " + _time())
    op.execute("ALTER TABLE delivery ADD COLUMN next_ask_at " + _time())
    op.execute("ALTER TABLE delivery ADD COLUMN asks INTEGER DEFAULT '0' NOT NULL")
    op.create_index(
        "ix_delivery_ask", "delivery", ["next_ask_at"], sqlite_where=_ASKED, postgresql_where=_ASKED
    )
    op.drop_index("ix_delivery_notifier", "delivery")
    op.create_index("ix_delivery_notifier", "delivery", ["notifier_id", "provider_id"])
    op.execute("ALTER TABLE notifier ADD COLUMN receipt_key TEXT")
    op.execute("ALTER TABLE notifier ADD COLUMN receipt_key_digest VARCHAR(64)")
    op.create_index("uq_notifier_receipt_key_digest", "notifier", ["receipt_key_digest"], unique=True)
    _give_keys()
    op.create_table(
        "early_receipt",
        sa.Column("notifier_id", sa.Integer(), nullable=False),
        sa.Column("provider_id", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=11), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=True),
        sa.Column("received_at", _TIME, nullable=False),
        sa.CheckConstraint("outcome IN ('delivered', 'undelivered')", name=op.f("ck_early_receipt_outcome_known")),
        sa.ForeignKeyConstraint(
            ["notifier_id"], ["notifier.id"], name=op.f("fk_early_receipt_notifier_id_notifier"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("notifier_id", "provider_id", name=op.f("pk_early_receipt")),
    )
    op.create_index(op.f("ix_early_receipt_received_at"), "early_receipt", ["received_at"])
    _reword(before=0, after=1)


def downgrade() -> None:
    op.execute("UPDATE delivery SET status = 'sent' WHERE status IN ('delivered', 'undelivered')")
    op.drop_table("early_receipt")
    op.drop_index("uq_notifier_receipt_key_digest", "notifier")
    for column in ("receipt_key_digest", "receipt_key"):
        op.execute(f"ALTER TABLE notifier DROP COLUMN {column}")
    op.drop_index("ix_delivery_notifier", "delivery")
    op.create_index("ix_delivery_notifier", "delivery", ["notifier_id"])
    op.drop_index("ix_delivery_ask", "delivery")
    for column in ("asks", "next_ask_at", "reported_at"):
        op.execute(f"ALTER TABLE delivery DROP COLUMN {column}")
    _reword(before=1, after=0)


def _time() -> str:
    return str(_TIME.compile(dialect=op.get_bind().dialect))


def _give_keys() -> None:
    names = ("id", "project_id", "receipt_key", "receipt_key_digest")
    notifier = sa.table("notifier", *(sa.column(name) for name in names))
    connection = op.get_bind()
    for row in connection.execute(sa.select(notifier.c.id, notifier.c.project_id)).all():
        key = secrets.token_urlsafe(32)
        sealed = vault().seal(key, ["notifier", "receipt_key", row.project_id, row.id])
        values = {"receipt_key": sealed, "receipt_key_digest": hashlib.sha256(key.encode()).hexdigest()}
        connection.execute(sa.update(notifier).where(notifier.c.id == row.id).values(**values))


def _reword(before: int, after: int) -> None:
    """Replace the CHECKs and the length of the status.

    On SQLite the table's definition is edited, as https://www.sqlite.org/lang_altertable.html allows for changes that
    leave what is stored as it is: a copy of millions of rows, to which others refer, would take the desk down for long.
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        for name in _CHECKS:
            op.drop_constraint(op.f(name), "delivery", type_="check")
        op.execute(f"ALTER TABLE delivery ALTER COLUMN status TYPE {_STATUS[after].split()[1]}")
        for name, texts in _CHECKS.items():
            op.create_check_constraint(op.f(name), "delivery", texts[after])
        return
    [definition] = connection.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE name = 'delivery'").scalars()
    for texts in (*_CHECKS.values(), _STATUS):
        definition = definition.replace(texts[before], texts[after])
    [version] = connection.exec_driver_sql("PRAGMA schema_version").scalars()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    connection.exec_driver_sql("UPDATE sqlite_schema SET sql = ? WHERE name = 'delivery'", (definition,))
    connection.exec_driver_sql(f"PRAGMA schema_version = {version + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = RESET")
