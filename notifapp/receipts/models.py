"""The table of receipts that came before their deliveries were known to be sent."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, UtcDateTime


class EarlyReceipt(Base):
    """A gateway's report of a message whose id isn't written down yet, because its worker is still waiting or has died.

    It is kept for some minutes, until the delivery has that id.
    """

    __tablename__ = "early_receipt"
    __table_args__ = (CheckConstraint("outcome IN ('delivered', 'undelivered')", "outcome_known"),)

    notifier_id: Mapped[int] = mapped_column(ForeignKey("notifier.id", ondelete="CASCADE"), primary_key=True)
    provider_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(11))
    code: Mapped[str | None] = mapped_column(String(60))
    reason: Mapped[str | None] = mapped_column(String(300))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
