"""Pages of a list: the search text and position in the query string, and links to the neighbouring pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from flask import request, url_for

from notifapp.database.keyset import Cursor, Slice

MAX_SEARCH_LENGTH = 254  # characters; the rest is ignored, because SQLite limits the length of patterns and expressions


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
