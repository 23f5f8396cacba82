"""What versioned things share: each change is a revision, with who made it, when and from where."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from notifapp import clock
from notifapp.access.principal import Principal, Source
from notifapp.audit.service import Change
from notifapp.database import UtcDateTime

MAX_REASON_LENGTH = 200  # characters
MAX_SOURCE_LENGTH = max(map(len, Source))

Values = TypeVar("Values")


class Authored:
    """The columns of a table of revisions that say who, when, from where and why."""

    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    actor: Mapped[str] = mapped_column(String(254))
    source: Mapped[str] = mapped_column(String(MAX_SOURCE_LENGTH))
    reason: Mapped[str | None] = mapped_column(String(MAX_REASON_LENGTH))


@dataclass(frozen=True, slots=True)
class Revision(Generic[Values]):
    """A change, and the values after it. Versions count from 1 without gaps."""

    version: int
    values: Values
    changes: list[Change]
    actor: str
    source: str
    created_at: datetime
    reason: str | None


def authorship(principal: Principal, reason: str | None) -> dict[str, object]:
    """The values of `Authored` for a change made now."""
    return {
        "created_at": clock.now(),
        "actor_id": principal.user_id,
        "actor": principal.email,
        "source": principal.source.value,
        "reason": reason,
    }


def revisions(
    rows: Sequence[Any],
    limit: int,
    untouched: Values,
    values_of: Callable[[Any], Values],
    differences: Callable[[Values, Values], list[Change]],
) -> list[Revision[Values]]:
    """The first `limit` of these rows, newest first, as revisions.

    One row more shows what the oldest of them changed; without it, that was the first change of `untouched`, or what it
    changed isn't kept any more.
    """
    values = [values_of(row) for row in rows]
    if len(rows) <= limit:
        values.append(untouched if not rows or rows[-1].version == 1 else values[-1])
    return [
        Revision(row.version, after, differences(before, after), row.actor, row.source, row.created_at, row.reason)
        for row, after, before in zip(rows[:limit], values, values[1:], strict=False)
    ]
