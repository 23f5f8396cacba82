"""Pages of a list: by position on the site; by limit and offset in the JSON API, as in Django REST Framework."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import Request, request, url_for

from notifapp.database.keyset import Cursor, Slice

MAX_SEARCH_LENGTH = 254  # characters; the rest is ignored, because SQLite limits the length of patterns and expressions
DEFAULT_LIMIT = 10
MAX_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Page:
    """A page for a template: the items, and the URLs of the pages before and after."""

    items: Sequence[Any] = ()
    newer_url: str | None = None
    older_url: str | None = None


def requested() -> Cursor | None:
    """The cursor in the query string; None for the first page."""
    for name in ("after", "before"):
        if key := request.args.getlist(name):
            return Cursor(tuple(key), is_before=name == "before")
    return None


def search_text() -> str:
    """The search text in the query string (`q`); empty for everything."""
    return request.args.get("q", "").replace("\0", "").strip()[:MAX_SEARCH_LENGTH]


def page(part: Slice, items: Sequence[Any] | None = None, **more: str) -> Page:
    """A page of this view with the current filters; `items` replace the rows if given.

    `more` filters hold on the neighbouring pages, where a page with several lists shows only one of them.
    """
    return Page(part.rows if items is None else items, _url(part.newer, more), _url(part.older, more))


def _url(cursor: Cursor | None, more: Mapping[str, str]) -> str | None:
    if cursor is None or request.endpoint is None:
        return None
    left_out = {"after", "before", *more}
    filters = [(name, value) for name, value in request.args.items(multi=True) if name not in left_out]
    filters += more.items()
    place = [("before" if cursor.is_before else "after", value) for value in cursor.key]
    return f"{url_for(request.endpoint, **(request.view_args or {}))}?{urlencode(filters + place)}"


@dataclass(frozen=True, slots=True)
class LimitOffset:
    """The page of a list that a request asks for; invalid values fall back to the defaults."""

    limit: int
    offset: int
    search: str
    ordering: tuple[str, ...]

    @classmethod
    def of(cls, request: Request, orderings: Collection[str]) -> LimitOffset:
        """Read `limit`, `offset`, `search` and `ordering`; names not in `orderings` are ignored."""
        args = request.args
        wanted = dict.fromkeys(name.strip() for name in args.get("ordering", "").split(","))
        return cls(
            limit=min(_number(args.get("limit"), least=1, default=DEFAULT_LIMIT), MAX_LIMIT),
            offset=_number(args.get("offset"), least=0, default=0),
            search=args.get("search", "")[:MAX_SEARCH_LENGTH],
            ordering=tuple(name for name in wanted if name.removeprefix("-") in orderings),
        )

    def envelope(self, request: Request, count: int, results: list[dict[str, object]]) -> dict[str, object]:
        """The response's body, with absolute links to the next and previous pages."""
        after, before = self.offset + self.limit, self.offset - self.limit
        return {
            "count": count,
            "next": self._link(request, after) if after < count else None,
            "previous": self._link(request, before) if self.offset > 0 else None,
            "results": results,
        }

    def _link(self, request: Request, offset: int) -> str:
        query: dict[str, str | list[str]] = {**request.args.to_dict(flat=False), "limit": str(self.limit)}
        query.pop("offset", None)
        if offset > 0:
            query["offset"] = str(offset)
        return f"{request.base_url}?{urlencode(sorted(query.items()), doseq=True)}"


def _number(text: str | None, *, least: int, default: int) -> int:
    try:
        number = int(text or "")
    except ValueError:
        return default
    return number if number >= least else default
