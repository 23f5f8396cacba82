"""Encrypted values are bound to their rows: what was encrypted with Fernet is sealed; see database/sealed.py.

Revision 0015, after 0014.
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

from notifapp.database import Unreadable, vault
from notifapp.errors import Conflict
from notifapp.migrations import fernet

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# Each encrypted column, and the columns that its values are bound to from now on.
_BOUND_TO = {
    ("notifier", "secrets"): ("project_id", "id", "backend", "settings"),
    ("outbox_message", "subject"): ("project_id", "id"),
    ("outbox_message", "body"): ("project_id", "id"),
    ("delivery", "payload"): ("project_id", "payload_id"),
    ("held_secret", "value"): ("session_id", "purpose"),
    ("totp_app", "secret"): ("user_id", "id"),
}
_TYPES: dict[str, sa.types.TypeEngine[Any]] = {"settings": sa.JSON()}


def upgrade() -> None:
    op.execute("ALTER TABLE delivery ADD COLUMN payload_id VARCHAR(32) DEFAULT '' NOT NULL")
    _number_payloads()
    has_payload = sa.text("payload IS NOT NULL")
    op.create_index(
        op.f("uq_delivery_payload_id"),
        "delivery",
        ["payload_id"],
        unique=True,
        sqlite_where=has_payload,
        postgresql_where=has_payload,
    )
    _replace(lambda text, place: vault().seal(fernet.decrypt(text), place))


def downgrade() -> None:
    _replace(lambda text, place: fernet.encrypt(vault().open(text, place)))
    op.drop_index(op.f("uq_delivery_payload_id"), "delivery")
    op.execute("ALTER TABLE delivery DROP COLUMN payload_id")


def _number_payloads() -> None:
    delivery = sa.table("delivery", sa.column("id"), sa.column("payload_id"), sa.column("payload"))
    connection = op.get_bind()
    waiting = connection.execute(sa.select(delivery.c.id).where(delivery.c.payload.is_not(None))).scalars().all()
    for row_id in waiting:
        values = {"payload_id": secrets.token_hex(16)}
        connection.execute(sa.update(delivery).where(delivery.c.id == row_id).values(values))


def _replace(again: Any) -> None:
    """Write each encrypted value again: `again` takes its text and place.

    A message that can't be read stays as it is. Raise `Conflict` for a notifier's secrets, which undoes everything:
    most likely the right keys aren't listed.
    """
    connection = op.get_bind()
    for (name, column), bound_to in _BOUND_TO.items():
        columns = {each: sa.column(each, _TYPES.get(each)) for each in ("id", column, *bound_to)}
        table = sa.table(name, *columns.values())
        for row in connection.execute(sa.select(table).where(table.c[column].is_not(None))).all():
            place = [name, column, *(getattr(row, each) for each in bound_to)]
            try:
                text = again(getattr(row, column), place)
            except (Unreadable, ValueError):
                if name == "notifier":
                    raise Conflict(f"No listed encryption key reads the secrets of the notifier {row.id}.") from None
                continue
            connection.execute(sa.update(table).where(table.c.id == row.id).values({column: text}))
