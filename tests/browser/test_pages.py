"""Every page, wide and narrow, light and dark: nothing for axe-core to find, and nothing wider than a phone."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, Page, ViewportSize

from tests.browser.busy import BusyServer
from tests.browser.conftest import open_tab
from tests.browser.pages import EXAMPLES, NOT_PAGES, PAGES, Example

# Light on a live, dark on a phone: both widths and both colour schemes are seen, without looking four times.
LOOKS: list[tuple[ViewportSize, Literal["light", "dark"]]] = [
    ({"width": 1280, "height": 900}, "light"),
    ({"width": 390, "height": 844}, "dark"),
]


def test_every_page_has_an_example(busy: BusyServer) -> None:
    shown = {
        rule.endpoint
        for rule in busy.live.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and (not rule.rule.startswith("/api/") or rule.endpoint == "apidocs.page")
    }
    assert shown - NOT_PAGES == PAGES.keys()


@pytest.fixture(scope="module")
def problems() -> list[str]:
    """What the pages below wrote to the console, and what they asked for from elsewhere."""
    return []


@pytest.fixture(scope="module")
def tab_of(chromium: Browser, busy: BusyServer, problems: list[str]) -> Callable[[str], Page]:
    """A person's tab: one for all pages, so that the styles are fetched once."""
    return cache(lambda who: open_tab(chromium, busy.live, busy.people.get(who), problems))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_page_is_accessible_and_fits(
    example: Example, busy: BusyServer, tab_of: Callable[[str], Page], problems: list[str]
) -> None:
    problems.clear()
    page = tab_of(example.who)
    page.goto(busy.path(example.path))
    if example.act:
        example.act(page)
    page.evaluate(AXE_SCRIPT)
    for size, scheme in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "too wide for the window"
        assert violations(page) == [], f"{size['width']} pixels wide, {scheme}"
    assert not problems


def violations(page: Page) -> list[str]:
    """What axe-core finds, one line for each element."""
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']} {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
