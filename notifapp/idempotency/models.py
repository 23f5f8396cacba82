"""The table of requests that may be repeated. Without the keys it tells nothing of them but when they came."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, Sealed, UtcDateTime


class IdempotentRequest(Base):
    """A request by the MAC of its key, with that of its body; under way until `lease_until`, or with its reply."""

    __tablename__ = "idempotent_request"
    __table_args__ = (
        CheckConstraint("(lease_until IS NULL) = (reply IS NOT NULL)", "leased_until_replied"),
        Index("ix_idempotent_request_expires_at", "expires_at"),
    )

    key_mac: Mapped[str] = mapped_column(String(64), primary_key=True)
    body_mac: Mapped[str] = mapped_column(String(64))
    lease_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reply: Mapped[str | None] = mapped_column(Sealed("key_mac"))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
