"""The table of test recipients."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, Sealed, UtcDateTime
from notifapp.delivery.models import FixedOutcome

DAYS_KEPT = 30  # after the end


class OtpTestRecipient(Base):
    """A recipient whose code is fixed until `ends_at`. It is found by the HMAC of its address."""

    __tablename__ = "otp_test_recipient"
    __table_args__ = (
        CheckConstraint("channel IN ('sms', 'email')", "channel_known"),
        CheckConstraint("outcome IN ({})".format(", ".join(f"'{it}'" for it in FixedOutcome)), "outcome_known"),
        CheckConstraint("ends_at > created_at", "ends_later"),
        UniqueConstraint("project_id", "channel", "digest"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("project.id"))
    channel: Mapped[str] = mapped_column(String(5))
    digest: Mapped[str] = mapped_column(String(64))
    address: Mapped[str] = mapped_column(Sealed("project_id", "id"))
    code: Mapped[str] = mapped_column(Sealed("project_id", "id"))
    outcome: Mapped[str] = mapped_column(String(11))
    ends_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str] = mapped_column(String(254))
