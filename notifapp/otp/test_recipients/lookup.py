"""Finds out whether a code is for a test recipient, within the statement that reads what a code needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, select, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.channels import Channel
from notifapp.database import Statement, Unreadable, UtcDateTime, reading, table_of, unseal
from notifapp.delivery.models import FixedOutcome
from notifapp.delivery.service import Pretended
from notifapp.errors import Conflict
from notifapp.otp.limits.service import Limits, Recipient
from notifapp.otp.test_recipients.models import OtpTestRecipient

# They cost nothing, but each is still a row or two: enough for any test, too few to fill the disk.
SENDS_PER_HOUR = 100
SENDS_PER_DAY = 1000

_table = table_of(OtpTestRecipient)
_test = _table.c
_COLUMNS = {"test_id": "id", "test_digest": "digest", "test_code": "code", "test_outcome": "outcome"}


@dataclass(frozen=True, slots=True)
class Fixed:
    """What is fixed for a test recipient: its code, and what becomes of its messages."""

    code: str = field(repr=False)
    outcome: FixedOutcome

    def message(self, whom: Recipient, challenge_id: str, expires_at: datetime) -> Pretended:
        """What stands for the message with the code."""
        return Pretended(whom.project_id, Channel(whom.channel), whom.masked, self.outcome, expires_at, challenge_id)


@dataclass(frozen=True, slots=True)
class _Stored:
    """The code as stored, with what it is bound to."""

    project_id: int
    id: int
    code: str


def with_fixed(statement: Select[Any], keys: int) -> Select[Any]:
    """The statement, for recipients under so many keys, with a test recipient's columns added for `fixed_for`."""
    columns = [_test[name].label(label) for label, name in _COLUMNS.items()]
    return statement.add_columns(*columns).outerjoin(_table, and_(*_is_it(keys)))


def parameters(them: Sequence[Recipient]) -> dict[str, str]:
    """What such a statement looks for: the recipient under each of the listed keys, newest first."""
    return {f"own_digest_{place}": recipient.address_digest for place, recipient in enumerate(them)}


def fixed_for(connection: Connection, whom: Recipient, row: Any) -> Fixed | None:
    """What is fixed for the recipient of a row, or None if it is no test recipient.

    One that was found under an older key is found by the newest from then on. Raise `Conflict` if its code can't be
    read.
    """
    if row.test_id is None:
        return None
    if row.test_digest != whom.address_digest:
        _RENAME.execute(connection, test_id=row.test_id, new_digest=whom.address_digest)
    try:
        code = unseal(_test.code, _Stored(whom.project_id, row.test_id, row.test_code))
    except Unreadable:
        raise Conflict("This test recipient's code can't be decrypted: its key is missing.") from None
    return Fixed(code, FixedOutcome(row.test_outcome))


def widened(limits: Limits) -> Limits:
    """A project's limits with as many codes as a test recipient may have; all else stays."""
    return replace(limits, resend_seconds=0, sends_per_hour=SENDS_PER_HOUR, sends_per_day=SENDS_PER_DAY)


def is_test_recipient(them: Sequence[Recipient]) -> bool:
    """Whether this is a test recipient; a statement of its own, for what would be refused otherwise."""
    with reading() as connection:
        found = _find(len(them)).first(connection, **them[0].key, **parameters(them), now=clock.now())
    return found is not None


def _is_it(keys: int) -> list[ColumnElement[bool]]:
    return [
        _test.project_id == bindparam("project_id", type_=_test.project_id.type),
        _test.channel == bindparam("channel"),
        _test.digest.in_([bindparam(f"own_digest_{place}") for place in range(keys)]),
        _test.ends_at > bindparam("now", type_=UtcDateTime),
    ]


@cache
def _find(keys: int) -> Statement:
    return Statement(select(_test.id).where(*_is_it(keys)))


_RENAME = Statement(update(_table).where(_test.id == bindparam("test_id")).values(digest=bindparam("new_digest")))
