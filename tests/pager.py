"""How a person leafs through a list."""

from __future__ import annotations

import html


def pager_link(page: str, rel: str) -> str:
    """Where the page's link to the "next" or "prev" page leads; empty where there is none."""
    _before, found, after = page.partition(f'rel="{rel}" href="')
    return html.unescape(after.partition('"')[0]) if found else ""
