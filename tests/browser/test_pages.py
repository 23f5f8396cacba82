"""Every page, wide and narrow, light and dark: nothing for axe-core to find, and nothing wider than a phone."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, ViewportSize

from tests.browser.conftest import Visit
from tests.browser.pages import EXAMPLES, NOT_PAGES, PAGES, Example
from tests.browser.scene import Scene

# Light on a desk, dark on a phone: both widths and both colour schemes are seen, without looking four times.
LOOKS: list[tuple[ViewportSize, Literal["light", "dark"]]] = [
    ({"width": 1280, "height": 900}, "light"),
    ({"width": 390, "height": 844}, "dark"),
]


def test_every_page_has_an_example(scene: Scene) -> None:
    shown = {
        rule.endpoint
        for rule in scene.desk.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and (not rule.rule.startswith("/api/") or rule.endpoint == "docs.page")
    }
    assert shown - NOT_PAGES == PAGES.keys()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_page_is_accessible_and_fits(example: Example, scene: Scene, visit: Visit) -> None:
    page = visit(scene.desk, scene.path(example.path), scene.people.get(example.who))
    if example.act:
        example.act(page)
    page.evaluate(AXE_SCRIPT)
    for size, scheme in LOOKS:
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "too wide for the window"
        assert violations(page) == [], f"{size['width']} pixels wide, {scheme}"


def violations(page: Page) -> list[str]:
    """What axe-core finds, one line for each element."""
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [
        f"{rule['id']} {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
