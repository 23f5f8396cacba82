"""Carries a request out once and replies the same to repeated ones (draft-ietf-httpapi-idempotency-key-header-07).

A key is claimed by one conditional INSERT before the work begins, so that of many requests at once one does it. A claim
is a lease: a process that dies with it holds the key up for a minute and not for a day. What was done by then is not
undone, so the request that comes after may do it again, within the limits that hold for all.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, delete, or_, select, update

from notifapp import clock
from notifapp.database import Statement, Unreadable, UtcDateTime, reading, seal, table_of, unseal, upsert, writing
from notifapp.errors import Conflict, DomainError, ErrorCode
from notifapp.idempotency.models import IdempotentRequest
from notifapp.keys import macs

KEPT_FOR = timedelta(hours=24)
LEASE = timedelta(seconds=60)  # longer than any request takes
_NOT_FINAL = (409, 429)  # they ask to try again

_table = table_of(IdempotentRequest)
_request = _table.c
_NOW = bindparam("now", type_=UtcDateTime)


def _insert(insert: Any) -> Any:
    """Insert the key, or take over one that is too old, or whose request has died with it."""
    names = ("key_mac", "body_mac", "lease_until", "expires_at")
    new = insert.values({name: bindparam(name) for name in names})
    is_abandoned = and_(_request.lease_until <= _NOW, _request.body_mac == new.excluded.body_mac)
    return new.on_conflict_do_update(
        index_elements=["key_mac"],
        set_={name: new.excluded[name] for name in names} | {"reply": None},
        where=or_(_request.expires_at <= _NOW, is_abandoned),
    ).returning(_request.key_mac)


_CLAIM = Statement(upsert(_table, _insert))
_FIND = Statement(select(_table).where(_request.key_mac == bindparam("key_mac"), _request.expires_at > _NOW))
_IS_HELD = (
    _request.key_mac == bindparam("key_mac"),
    _request.lease_until == bindparam("held_until", type_=UtcDateTime),
)
_KEEP = Statement(update(_table).where(*_IS_HELD).values(reply=bindparam("sealed"), lease_until=None))
_RELEASE = Statement(delete(_table).where(*_IS_HELD))


class KeyReused(DomainError):
    """The key came with another body before."""

    status = 422
    code = ErrorCode.KEY_REUSED
    detail = "This Idempotency-Key was used for another request. Use a new one for each."


class UnderWay(Conflict):
    """The first request with this key hasn't been answered yet."""

    code = ErrorCode.UNDER_WAY
    detail = "A request with this Idempotency-Key is still under way. Try again in a moment."


@dataclass(frozen=True, slots=True)
class Reply:
    """A response that is kept: its status and its JSON body."""

    status: int
    body: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A key whose request is to be carried out now; `held_until` fences off the one that held it before."""

    key_mac: str
    held_until: datetime


def claim(place: Sequence[str], key: str, body: bytes) -> Claim | Reply:
    """Claim a key within a place (a project and a path), or return the reply that is kept for it.

    Raise `KeyReused` if it came with another body, and `UnderWay` while the first request isn't answered.
    """
    newest, *former = macs("idempotency key", *place, key)
    now = clock.now()
    for mac in former:
        if reply := _kept_under(mac, body, now):
            return reply
    held_until = now + LEASE
    values = {"key_mac": newest, "body_mac": _body_macs(newest, body)[0], "lease_until": held_until}
    with writing() as connection:
        if _CLAIM.first(connection, **values, expires_at=now + KEPT_FOR, now=now) is not None:
            return Claim(newest, held_until)
    reply = _kept_under(newest, body, now)
    if reply is None:  # released meanwhile
        raise UnderWay
    return reply


def settle(claimed: Claim, reply: Reply) -> None:
    """Keep the reply of a claimed request for 24 hours, or free its key if the reply asks to try again."""
    if reply.status >= 500 or reply.status in _NOT_FINAL:
        return release(claimed)
    sealed = seal(_request.reply, [reply.status, reply.body], key_mac=claimed.key_mac)
    with writing() as connection:
        _KEEP.execute(connection, key_mac=claimed.key_mac, held_until=claimed.held_until, sealed=sealed)


def release(claimed: Claim) -> None:
    """Free the key of a request that came to nothing."""
    with writing() as connection:
        _RELEASE.execute(connection, key_mac=claimed.key_mac, held_until=claimed.held_until)


def _kept_under(key_mac: str, body: bytes, now: datetime) -> Reply | None:
    """The reply under this MAC, or None if nobody holds such a key. Raise `KeyReused` or `UnderWay`."""
    with reading() as connection:
        row = _FIND.first(connection, key_mac=key_mac, now=now)
    if row is None:
        return None
    if not any(hmac.compare_digest(row.body_mac, mac) for mac in _body_macs(key_mac, body)):
        raise KeyReused
    if row.reply is None:
        if row.lease_until <= now:  # its request has died with it
            return None
        raise UnderWay
    try:
        return Reply(*unseal(_request.reply, row))
    except Unreadable:
        raise KeyReused("The first response to this Idempotency-Key can't be read any more. Use a new one.") from None


def _body_macs(key_mac: str, body: bytes) -> list[str]:
    return macs("idempotent body", key_mac, hashlib.sha256(body).hexdigest())
