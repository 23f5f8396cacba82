"""The append-only table of what went wrong on the way of a code. It holds neither an address nor a code."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, UtcDateTime


class TraceKind(StrEnum):
    """What happened."""

    REFUSED = "refused"  # a code was asked for, and not made
    WRONG_CODE = "wrong_code"
    LATE_CODE = "late_code"  # the right code, no longer accepted
    CLAIMED = "claimed"  # a worker took the message again, or for another notifier than it was queued for
    FAILED = "failed"  # an attempt to send it


class Trace(Base):
    """One thing that happened: to a recipient, by the HMAC of the address, or to a delivery.

    The digest is a challenge's `counted_as`, which is another one in each project and channel. `attempt` counts a
    delivery's claims, and `notifier` is the name of the one that it was tried through.
    """

    __tablename__ = "trace"
    __table_args__ = (
        CheckConstraint("kind IN ({})".format(", ".join(f"'{kind}'" for kind in TraceKind)), "kind_known"),
        CheckConstraint("(digest IS NULL) = (delivery_id IS NOT NULL)", "of_recipient_or_delivery"),
        CheckConstraint("(attempt IS NULL) = (delivery_id IS NULL)", "attempt_of_delivery"),
        Index("ix_trace_digest", "digest", "at", "kind"),
        Index(
            "ix_trace_delivery",
            "delivery_id",
            sqlite_where=text("delivery_id IS NOT NULL"),
            postgresql_where=text("delivery_id IS NOT NULL"),
        ),
        Index("ix_trace_challenge", "challenge_id"),
        Index("ix_trace_at", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(10))
    digest: Mapped[str | None] = mapped_column(String(64))
    challenge_id: Mapped[str | None] = mapped_column(ForeignKey("otp_challenge.id", ondelete="CASCADE"))
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id", ondelete="CASCADE"))
    attempt: Mapped[int | None]
    code: Mapped[str | None] = mapped_column(String(60))
    reason: Mapped[str | None] = mapped_column(String(300))
    notifier: Mapped[str | None] = mapped_column(String(120))
