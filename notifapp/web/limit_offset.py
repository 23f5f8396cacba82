"""Pages of a JSON list, with the limit-offset pagination and filters of Django REST Framework."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import Request

from notifapp.web.paging import MAX_SEARCH_LENGTH

DEFAULT_LIMIT = 10
MAX_LIMIT = 100


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
