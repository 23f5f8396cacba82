"""Keyset pagination: a page starts after the last row of the previous one, so page 1,000 costs no more than page 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, literal, tuple_
from sqlalchemy.types import TypeEngine

from notifapp.database.base import MAX_ID, AnyRow
from notifapp.database.column_types import UtcDateTime
from notifapp.database.connections import reading
from notifapp.errors import NotFound

SLICE_SIZE = 50  # rows


@dataclass(frozen=True, slots=True)
class Cursor:
    """A position in a sorted list: right after the row with this key, or right before it."""

    key: tuple[str, ...]
    is_before: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """Some rows of a sorted list, and the cursors to the slices before and after, if there are any."""

    rows: list[AnyRow]
    newer: Cursor | None
    older: Cursor | None


def fetch(
    statement: Select[*tuple[Any, ...]],
    by: Sequence[Any],
    cursor: Cursor | None,
    *,
    descending: bool = False,
    size: int = SLICE_SIZE,
) -> Slice:
    """Up to `size` rows of `statement`, sorted by the columns `by`, at the cursor's position.

    The columns must be unique together, and `statement` must select them all. Raise `NotFound` for a cursor
    that can't be a key of this list.
    """
    backwards = cursor is not None and cursor.is_before
    downwards = descending != backwards
    if cursor is not None:
        here, there = tuple_(*by), tuple_(*_values(by, cursor.key))
        statement = statement.where(here < there if downwards else here > there)
    statement = statement.order_by(*(column.desc() if downwards else column.asc() for column in by))
    with reading() as connection:
        rows = list(connection.execute(statement.limit(size + 1)))
    has_more, rows = len(rows) > size, rows[:size]
    if backwards:
        rows.reverse()
    has_newer, has_older = (has_more, True) if backwards else (cursor is not None, has_more)
    return Slice(
        rows,
        newer=Cursor(_key(by, rows[0]), is_before=True) if rows and has_newer else None,
        older=Cursor(_key(by, rows[-1])) if rows and has_older else None,
    )


def _key(by: Sequence[Any], row: AnyRow) -> tuple[str, ...]:
    values = (row._mapping[column.key] for column in by)
    return tuple(value.isoformat() if isinstance(value, datetime) else str(value) for value in values)


def _values(by: Sequence[Any], key: tuple[str, ...]) -> list[ColumnElement[Any]]:
    try:
        return [literal(_read(column.type, text), column.type) for column, text in zip(by, key, strict=True)]
    except ValueError:
        raise NotFound("There is no such page of this list. Start again at its beginning.") from None


def _read(kind: TypeEngine[Any], text: str) -> object:
    if isinstance(kind, Integer):
        number = int(text)
        if abs(number) > MAX_ID:
            raise ValueError("no id is that large")
        return number
    if isinstance(kind, UtcDateTime):
        moment = datetime.fromisoformat(text)
        if moment.utcoffset() != timedelta(0):
            raise ValueError("our times are in UTC")
        return moment
    if "\0" in text:
        raise ValueError("no text holds a NUL")
    return text
