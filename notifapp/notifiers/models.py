"""The tables of notifiers, of codes that prove them, of accounts' balances, and of the console backend's outbox."""

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
    `digest` stands for the exact configuration: backend, settings and secrets, as they are since `configured_at`; a
    worker computes it where it is missing. `proven_digest` is the configuration that delivered a code which somebody
    typed back, last at `proven_at`: see proving/service.py.
    """

    __tablename__ = "notifier"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("name <> ''", "name_not_empty"),
        CheckConstraint("(configured_at IS NULL) = (digest IS NULL)", "configured_at_with_digest"),
        CheckConstraint("(proven_at IS NULL) = (proven_digest IS NULL)", "proven_at_with_digest"),
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
    digest: Mapped[str | None] = mapped_column(String(64))
    configured_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    proven_digest: Mapped[str | None] = mapped_column(String(64))
    proven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class NotifierProof(Base):
    """A code that was sent to prove a configuration, saved or not, by its digest; typed back at `proven_at`.

    It is kept for a day, so that values which were proven before they are saved make a proven notifier.
    """

    __tablename__ = "notifier_proof"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("attempts_left >= 0", "attempts_left_counts"),
        Index("ix_notifier_proof_digest", "project_id", "channel", "digest"),
        Index("ix_notifier_proof_created", "created_at"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    channel: Mapped[str] = mapped_column(String(5))
    digest: Mapped[str] = mapped_column(String(64))
    code_mac: Mapped[str] = mapped_column(String(64))
    attempts_left: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    proven_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


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
