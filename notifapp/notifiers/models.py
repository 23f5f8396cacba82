"""The tables of notifiers, of their accounts' balances, and of the console backend's outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Double, ForeignKey, Index, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, Sealed, UtcDateTime


class Notifier(Base):
    """A project's SMS gateway or mail server. `settings` is readable; `secrets` is sealed and write-only.

    The secrets are bound to the settings, too, so that they only ever go where somebody said who typed them.
    `receipt_key` is the secret in the address where its gateway tells what became of messages; its digest finds it.
    """

    __tablename__ = "notifier"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("name <> ''", "name_not_empty"),
        UniqueConstraint("project_id", "channel", "name"),
        # For the settings' foreign keys, which so refuse notifiers of another project or channel.
        UniqueConstraint("project_id", "channel", "id"),
        Index("uq_notifier_receipt_key_digest", "receipt_key_digest", unique=True),
        # Keeps SQLite from reusing ids of deleted notifiers, which old revisions and clients still refer to.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    channel: Mapped[str] = mapped_column(String(5))
    backend: Mapped[str] = mapped_column(String(30))
    name: Mapped[str] = mapped_column(String(120))
    is_enabled: Mapped[bool] = mapped_column(server_default=true())
    settings: Mapped[dict[str, Any]] = mapped_column(JSON)
    secrets: Mapped[str] = mapped_column(Sealed("project_id", "id", "backend", "settings"))
    receipt_key: Mapped[str | None] = mapped_column(Sealed("project_id", "id"))
    receipt_key_digest: Mapped[str | None] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class NotifierBalance(Base):
    """What was left on a notifier's account in an hour; without an amount if it couldn't be read.

    The row is written before the gateway is asked, so that it is asked once an hour, however many workers there are.
    """

    __tablename__ = "notifier_balance"
    __table_args__ = (Index("ix_notifier_balance_hour", "hour"),)

    notifier_id: Mapped[int] = mapped_column(ForeignKey("notifier.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    amount: Mapped[float | None] = mapped_column(Double)
    currency: Mapped[str | None] = mapped_column(String(8))


class OutboxMessage(Base):
    """A message that the console backend "sent", for developers to read on a page."""

    __tablename__ = "outbox_message"
    __table_args__ = (CheckConstraint("channel IN ('sms', 'email')", "channel_known"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), index=True)
    channel: Mapped[str] = mapped_column(String(5))
    recipient: Mapped[str] = mapped_column(String(254))
    subject: Mapped[str | None] = mapped_column(Sealed("project_id", "id"))
    body: Mapped[str] = mapped_column(Sealed("project_id", "id"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
