"""How a person reads a list, and leafs through it."""

from __future__ import annotations

import html
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import html5lib


@dataclass(frozen=True)
class Row:
    """A row of a table: what its heading says, the small print below that, and the whole text."""

    title: str
    small: str
    text: str
    links: list[str]


def rows(page: str) -> list[Row]:
    """The rows of the page's table."""
    document = html5lib.parse(page, namespaceHTMLElements=False)
    return [_row(row) for row in document.findall(".//tbody/tr")]


def pager_link(page: str, rel: str) -> str:
    """Where the page's link to the "next" or "prev" page leads; empty where there is none."""
    _before, found, after = page.partition(f'rel="{rel}" href="')
    return html.unescape(after.partition('"')[0]) if found else ""


def _row(row: Element) -> Row:
    heading = row.find("th")
    assert heading is not None
    small = " ".join(_text(part) for part in heading.findall(".//span[@class]") if "muted" in part.get("class", ""))
    title = _text(heading).removesuffix(small).strip()
    return Row(title, small, _text(row), [link.get("href", "") for link in row.iter("a")])


def _text(element: Element) -> str:
    return " ".join("".join(element.itertext()).split())
