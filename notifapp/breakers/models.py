"""The table of breakers."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from notifapp.database import Base, UtcDateTime


class BreakerState(StrEnum):
    """Closed: the notifier works. Open: it doesn't, so others are preferred. Half open: one message tries it again."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Cause(StrEnum):
    """Why a breaker isn't closed: the notifier refuses messages, or what it takes doesn't arrive in time."""

    FAILING = "failing"
    SLOW = "slow"


class NotifierBreaker(Base):
    """A notifier's breaker; one that never failed has none, and counts as closed.

    `failures` are those in a row. `since` is when its trouble began, `retry_at` when a message may try it again, and
    `probe_id` is that message. Without foreign keys: a worker that notes an outcome must not wait for whoever deletes
    the notifier and waits for the worker.
    """

    __tablename__ = "notifier_breaker"
    __table_args__ = (
        CheckConstraint("state IN ('closed', 'open', 'half_open')", "state_known"),
        CheckConstraint("cause IN ('failing', 'slow')", "cause_known"),
        CheckConstraint("(state = 'closed') = (cause IS NULL)", "cause_unless_closed"),
        CheckConstraint("(state = 'closed') = (since IS NULL)", "since_unless_closed"),
        CheckConstraint("(state = 'closed') = (retry_at IS NULL)", "retry_unless_closed"),
        CheckConstraint("(state = 'half_open') = (probe_id IS NOT NULL)", "probe_while_half_open"),
        CheckConstraint("failures >= 0", "failures_count"),
    )

    notifier_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[str] = mapped_column(String(9), server_default=BreakerState.CLOSED.value)
    cause: Mapped[str | None] = mapped_column(String(7))
    failures: Mapped[int] = mapped_column(server_default="0")
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    retry_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    probe_id: Mapped[int | None]
