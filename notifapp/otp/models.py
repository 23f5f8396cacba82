"""The tables of challenges, resends, recipients and limits. None stores a code, or an address in the clear."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, Sealed, UtcDateTime

MAX_ATTEMPTS = 5  # per challenge
RESEND_SECONDS = 60  # between two sends to one recipient
SENDS_PER_HOUR = 5
SENDS_PER_DAY = 10
MAX_FAILURES = 100  # consecutive, across challenges (NIST SP 800-63B-4, 3.2.2)
STOP_HOURS = 24  # that a recipient is blocked after as many

BOUNDS = {
    "max_attempts": (1, 10),
    "resend_seconds": (1, 3600),
    "sends_per_hour": (1, 1000),
    "sends_per_day": (1, 1000),
    "max_failures": (1, 100),
}


class ChallengeStatus(StrEnum):
    """The state of a challenge. `EXPIRED` is never stored: a pending challenge becomes it with time."""

    PENDING = "pending"
    APPROVED = "approved"
    REPLACED = "replaced"
    FAILED = "failed"
    EXPIRED = "expired"


class OtpLimits(Base):
    """A project's limits; without a row the defaults apply. Without `stop_hours` a block doesn't end by itself."""

    __tablename__ = "otp_limits"
    __table_args__ = (
        *(
            CheckConstraint(f"{name} BETWEEN {least} AND {most}", f"{name}_bounds")
            for name, (least, most) in BOUNDS.items()
        ),
        CheckConstraint("stop_hours > 0", "stop_hours_positive"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    max_attempts: Mapped[int] = mapped_column(server_default=text(str(MAX_ATTEMPTS)))
    resend_seconds: Mapped[int] = mapped_column(server_default=text(str(RESEND_SECONDS)))
    sends_per_hour: Mapped[int] = mapped_column(server_default=text(str(SENDS_PER_HOUR)))
    sends_per_day: Mapped[int] = mapped_column(server_default=text(str(SENDS_PER_DAY)))
    max_failures: Mapped[int] = mapped_column(server_default=text(str(MAX_FAILURES)))
    stop_hours: Mapped[int | None] = mapped_column(server_default=text(str(STOP_HOURS)))


class OtpRecipient(Base):
    """A recipient of codes, by the HMAC of the address, with its failures since the last approval and its wait.

    With `stopped_at` it is blocked until `blocked_until`, or until it is released where that is missing. Issuing and
    verifying lock this row first, which serialises them per recipient.
    """

    __tablename__ = "otp_recipient"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("failures >= 0", "failures_count"),
        Index("ix_otp_recipient_stopped", "project_id", "stopped_at"),
    )

    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"), primary_key=True)
    channel: Mapped[str] = mapped_column(String(5), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    masked: Mapped[str] = mapped_column(String(254))
    failures: Mapped[int] = mapped_column(server_default="0")
    blocked_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class OtpChallenge(Base):
    """A challenge with its first code, issued under the settings at that time: later changes don't affect it.

    The first code lives for `ttl` seconds; `expires_at` is when the last of the challenge's codes ends. `address` is
    where to send another one: sealed, and erased when the challenge ends. `recipient_digest` identifies the address,
    `counted_as` the recipient whose limits it is counted under; `unsettled` is how many codes that recipient was sent
    since the last right one, this challenge's included; 0 for a test recipient, whose codes count nowhere.
    """

    __tablename__ = "otp_challenge"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("status IN ('pending', 'approved', 'replaced', 'failed')", "status_known"),
        CheckConstraint("attempts_left >= 0", "attempts_left_counts"),
        CheckConstraint("(approved_at IS NOT NULL) = (status = 'approved')", "approved_at_an_instant"),
        # A challenge's last code was sent before its `resend_at`, so this finds all that sent one lately.
        Index("ix_otp_challenge_counted", "project_id", "channel", "counted_as", "resend_at"),
        # What is old enough to be deleted, and what refers to a delivery that is.
        Index("ix_otp_challenge_created", "created_at"),
        Index("ix_otp_challenge_delivery", "delivery_id"),
        Index(
            "ix_otp_challenge_approved",
            "project_id",
            "approved_at",
            sqlite_where=text("approved_at IS NOT NULL"),
            postgresql_where=text("approved_at IS NOT NULL"),
        ),
        # Addresses to erase.
        Index(
            "ix_otp_challenge_address",
            "expires_at",
            sqlite_where=text("address IS NOT NULL"),
            postgresql_where=text("address IS NOT NULL"),
        ),
        # Codes that have expired, to tell their project.
        Index(
            "ix_otp_challenge_expires",
            "project_id",
            "expires_at",
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
        Index(
            "uq_otp_challenge_open",
            "project_id",
            "channel",
            "recipient_digest",
            unique=True,
            sqlite_where=text("status = 'pending'"),
            postgresql_where=text("status = 'pending'"),
        ),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    channel: Mapped[str] = mapped_column(String(5))
    recipient_digest: Mapped[str] = mapped_column(String(64))
    counted_as: Mapped[str] = mapped_column(String(64), server_default="")
    country: Mapped[str | None] = mapped_column(String(3))
    prefix: Mapped[str | None] = mapped_column(String(6))
    unsettled: Mapped[int] = mapped_column(server_default="1")
    recipient: Mapped[str] = mapped_column(String(254))
    address: Mapped[str | None] = mapped_column(Sealed("project_id", "id"))
    settings_version: Mapped[int]
    code_length: Mapped[int]
    ttl: Mapped[int]
    code_mac: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(8), server_default="pending")
    attempts_left: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    resend_at: Mapped[datetime] = mapped_column(UtcDateTime)
    approved_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id"))


class OtpResend(Base):
    """A further code of a challenge, issued under the settings at that time. The numbers begin with 2."""

    __tablename__ = "otp_resend"
    __table_args__ = (
        CheckConstraint("number > 1", "number_after_the_first"),
        # What refers to a delivery that is deleted.
        Index("ix_otp_resend_delivery", "delivery_id"),
        {"sqlite_with_rowid": False},
    )

    challenge_id: Mapped[str] = mapped_column(ForeignKey("otp_challenge.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    settings_version: Mapped[int]
    code_length: Mapped[int]
    code_mac: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    delivery_id: Mapped[int | None] = mapped_column(ForeignKey("delivery.id"))
