"""The table of what became of codes, five minutes by five minutes."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, UtcDateTime


class CodeSlice(Base):
    """What became of the codes that a notifier was given in the five minutes from `starts_at`.

    It only repeats what deliveries and challenges say, so that a busy project's day needn't be counted again for each
    page. `times` is JSON: how many codes were verified after about so many milliseconds.
    """

    __tablename__ = "code_slice"
    __table_args__ = (Index("ix_code_slice_starts_at", "starts_at"),)

    notifier_id: Mapped[int] = mapped_column(ForeignKey("notifier.id", ondelete="CASCADE"), primary_key=True)
    starts_at: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    asked: Mapped[int]
    sent: Mapped[int]
    failed: Mapped[int]
    delivered: Mapped[int]
    undelivered: Mapped[int]
    verified: Mapped[int]
    times: Mapped[str] = mapped_column(Text)
