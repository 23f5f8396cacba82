"""Notes refusals in a transaction of their own, because that of what was refused has been rolled back by then.

What succeeds costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from notifapp.access import ProjectArchived
from notifapp.database import writing
from notifapp.errors import Conflict, DomainError, TooManyRequests
from notifapp.otp.limits.service import Recipient
from notifapp.traces import service as traces
from notifapp.traffic import service as traffic
from notifapp.traffic.service import DestinationNotAllowed, Order, TrafficRefused


@contextmanager
def sends_noted(wanted: Order, whom: Recipient) -> Iterator[None]:
    """Note, and for the project's limits count, why the block sends no code. An archived project is left alone."""
    try:
        yield
    except ProjectArchived:
        raise
    except (DestinationNotAllowed, TooManyRequests, Conflict) as refused:
        with writing() as connection:
            traces.note_refusal(connection, whom.digest, *_why(refused))
            if isinstance(refused, DestinationNotAllowed | TrafficRefused):
                traffic.count_refusal(connection, wanted, refused.refusal)
        raise


@contextmanager
def tries_noted(whom: Recipient, challenge_id: str, *, is_right: bool) -> Iterator[None]:
    """Note why the block doesn't accept a code: one that wasn't counted as wrong, or a right one that came late."""
    try:
        yield
    except ProjectArchived:
        raise
    except DomainError as refused:
        with writing() as connection:
            traces.note_try(connection, whom.digest, challenge_id, refused.code, is_right=is_right)
        raise


def _why(refused: DomainError) -> tuple[str, str]:
    """The code and the reason to note."""
    if isinstance(refused, DestinationNotAllowed):
        return refused.refusal.value, " ".join(refused.errors["recipient"])
    return refused.code.value, refused.detail
