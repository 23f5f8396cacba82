"""The tables of endpoints, of the events that each takes, and of the messages that tell them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, Sealed, UtcDateTime


class EventType(StrEnum):
    """What an endpoint can be told."""

    CODE_APPROVED = "code.approved"
    CODE_EXPIRED = "code.expired"
    DELIVERY_FAILED = "delivery.failed"
    DELIVERY_UNDELIVERED = "delivery.undelivered"
    SETTINGS_CHANGED = "settings.changed"
    LIMIT_REACHED = "limit.reached"
    NOTIFIER_DOWN = "notifier.down"
    NOTIFIER_UP = "notifier.up"
    ALERT_BEGAN = "alert.began"
    ALERT_ENDED = "alert.ended"

    @property
    def about(self) -> str:
        """A sentence that says when it is told."""
        return _ABOUT[self]


_ABOUT = {
    EventType.CODE_APPROVED: "A customer gave back the right code.",
    EventType.CODE_EXPIRED: "A code ended without anybody giving it back.",
    EventType.DELIVERY_FAILED: "A message was not accepted by the gateway, and is not tried again.",
    EventType.DELIVERY_UNDELIVERED: "A message was accepted, but its carrier could not deliver it.",
    EventType.SETTINGS_CHANGED: "Somebody changed the notification settings.",
    EventType.LIMIT_REACHED: "A limit of the project, a token or a client refused codes, or traffic looked unusual, "
    "for the first time on this day (UTC).",
    EventType.NOTIFIER_DOWN: "A notifier failed five times in a row, not because of the recipients, or what it takes "
    "stopped arriving in time.",
    EventType.NOTIFIER_UP: "A notifier that was down works again.",
    EventType.ALERT_BEGAN: "Something is wrong with the project's codes, as the page “Alerts” lists it.",
    EventType.ALERT_ENDED: "An alert is over.",
}
TEST = "test"  # the type of the event that a person sends by hand


class MessageStatus(StrEnum):
    """The state of a message: queued → sending → sent or failed, or queued again for another attempt."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class EventEndpoint(Base):
    """An address of the project's own that takes events. `secrets` sign them: the newest, and the one before it.

    The one before counts until a day after `rotated_at`. They are bound to the address, so that nobody who can write to
    the database has events signed for another one.
    """

    __tablename__ = "event_endpoint"
    __table_args__ = (
        CheckConstraint("url <> ''", "url_not_empty"),
        UniqueConstraint("project_id", "url"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    url: Mapped[str] = mapped_column(String(2000))
    is_enabled: Mapped[bool] = mapped_column(server_default=true())
    secrets: Mapped[str] = mapped_column(Sealed("project_id", "id", "url"))
    rotated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Codes that ended until then have been told: see otp/expired/service.py.
    expiries_told_until: Mapped[datetime] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class EventSubscription(Base):
    """An event that an endpoint takes. The key begins with what is looked up wherever an event happens."""

    __tablename__ = "event_subscription"
    __table_args__ = (
        CheckConstraint("type IN ({})".format(", ".join(f"'{each}'" for each in EventType)), "type_known"),
        Index("ix_event_subscription_endpoint", "endpoint_id"),
        {"sqlite_with_rowid": False},
    )

    type: Mapped[str] = mapped_column(String(30), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("event_endpoint.id", ondelete="CASCADE"), primary_key=True)


class EventMessage(Base):
    """An event on its way to one endpoint. `event_id` is told to the receiver, the same on every attempt.

    `data` has no secret, no code and no address; `recipient` is masked, and stands by itself so that it can be erased.
    """

    __tablename__ = "event_message"
    __table_args__ = (
        CheckConstraint("status IN ('queued', 'sending', 'sent', 'failed')", "status_known"),
        CheckConstraint("(lease_until IS NOT NULL) = (status = 'sending')", "lease_while_sending"),
        CheckConstraint("(finished_at IS NOT NULL) = (status IN ('sent', 'failed'))", "finished_at_the_end"),
        CheckConstraint("attempts >= 0", "attempts_count"),
        UniqueConstraint("endpoint_id", "event_id"),
        Index("ix_event_message_endpoint", "endpoint_id", "created_at", "id"),
        Index("ix_event_message_due", "status", "next_attempt_at"),
        Index("ix_event_message_lease", "status", "lease_until"),
        Index("ix_event_message_created", "created_at"),
        Index("ix_event_message_recipient", "recipient"),
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("event_endpoint.id", ondelete="CASCADE"))
    event_id: Mapped[str] = mapped_column(String(32))
    type: Mapped[str] = mapped_column(String(30))
    recipient: Mapped[str | None] = mapped_column(String(254))
    data: Mapped[dict[str, Any]] = mapped_column(JSON)
    status: Mapped[str] = mapped_column(String(7), server_default="queued")
    attempts: Mapped[int] = mapped_column(server_default="0")
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    response_code: Mapped[int | None]
    error_reason: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
