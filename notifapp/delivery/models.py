"""The table of deliveries: one row per message, from queueing to its final status."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, Sealed, UtcDateTime


class DeliveryStatus(StrEnum):
    """The state of a delivery: queued → sending → sent or failed, or queued again for another attempt.

    Sent means that the gateway accepted it. Then it is delivered or undelivered, if the carrier's word comes.
    """

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"

    @property
    def label(self) -> str:
        """The name to show."""
        return "Not delivered" if self is DeliveryStatus.UNDELIVERED else self.value.capitalize()


ACCEPTED = (DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.UNDELIVERED)


class Purpose(StrEnum):
    """What a message is for."""

    OTP = "otp"
    TEST = "test"
    ALERT = "alert"


class FixedOutcome(StrEnum):
    """What becomes of a message to a test recipient."""

    DELIVERED = "delivered"
    SLOW = "slow"
    REFUSED = "refused"
    UNDELIVERED = "undelivered"

    @property
    def label(self) -> str:
        """The name to show."""
        return "Not delivered" if self is FixedOutcome.UNDELIVERED else self.value.capitalize()


# What stands in a message to a test recipient where others name their notifier and its backend: no backend's key.
TEST_NOTIFIER, TEST_BACKEND = "Test recipient", "test"


class Delivery(Base):
    """A message to one recipient.

    `recipient` is masked. `payload` is what to send, sealed, and is erased once the delivery is sent or has failed: the
    text of a message with a code is never stored in the clear. It is sealed before the row has its id, and so bound to
    `payload_id`, which is random and unique among those that wait. `challenge_id` is whose code it carries; a challenge
    may be deleted before its messages. `error_reason` is why the last attempt failed or, if it is undelivered, the
    carrier's reason; `reported_at` is when the carrier's word came. Until then, `next_ask_at` is when the gateway is
    asked again, after `asks` times.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("purpose IN ('otp', 'test', 'alert')", "purpose_known"),
        CheckConstraint(
            "status IN ('queued', 'sending', 'sent', 'delivered', 'undelivered', 'failed')", "status_known"
        ),
        CheckConstraint("(payload IS NULL) = (status NOT IN ('queued', 'sending'))", "payload_erased_at_the_end"),
        CheckConstraint("(lease_until IS NOT NULL) = (status = 'sending')", "lease_while_sending"),
        CheckConstraint("attempts >= 0", "attempts_count"),
        # The page's order, whole and within each of its filters. The first holds all that the charts count.
        Index("ix_delivery_project", "project_id", "created_at", "id", "notifier_name", "status", "channel"),
        Index("ix_delivery_project_status", "project_id", "status", "created_at", "id"),
        Index("ix_delivery_project_notifier", "project_id", "notifier_name", "created_at", "id"),
        Index("ix_delivery_notifier", "notifier_id", "provider_id"),
        Index(
            "ix_delivery_ask",
            "next_ask_at",
            sqlite_where=text("next_ask_at IS NOT NULL"),
            postgresql_where=text("next_ask_at IS NOT NULL"),
        ),
        Index("ix_delivery_due", "status", "next_attempt_at"),
        Index("ix_delivery_lease", "status", "lease_until"),
        Index("ix_delivery_created", "created_at"),
        Index("ix_delivery_challenge", "challenge_id"),
        Index(
            "uq_delivery_payload_id",
            "payload_id",
            unique=True,
            sqlite_where=text("payload IS NOT NULL"),
            postgresql_where=text("payload IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    # The notifier may be deleted later; its name at the time stays.
    notifier_id: Mapped[int | None] = mapped_column(ForeignKey("notifier.id", ondelete="SET NULL"))
    notifier_name: Mapped[str] = mapped_column(String(120))
    backend: Mapped[str] = mapped_column(String(30))
    channel: Mapped[str] = mapped_column(String(5))
    recipient: Mapped[str] = mapped_column(String(254))
    purpose: Mapped[str] = mapped_column(String(5))
    status: Mapped[str] = mapped_column(String(11), server_default="queued")
    attempts: Mapped[int] = mapped_column(server_default="0")
    payload_id: Mapped[str] = mapped_column(String(32), server_default="")
    payload: Mapped[str | None] = mapped_column(Sealed("project_id", "payload_id"))
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    challenge_id: Mapped[str | None] = mapped_column(String(32))
    provider_id: Mapped[str | None] = mapped_column(String(200))
    error_code: Mapped[str | None] = mapped_column(String(60))
    error_reason: Mapped[str | None] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    next_ask_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    asks: Mapped[int] = mapped_column(server_default="0")
    # The name of the notifier that it was queued for, if one that stands by has taken it over.
    instead_of: Mapped[str | None] = mapped_column(String(120))


class WorkerHeartbeat(Base):
    """A worker that runs: on which host, since when, and when it last gave a sign of life."""

    __tablename__ = "worker_heartbeat"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
