"""Chromium, and pages of a live server that fail the test for whatever goes wrong in them unseen."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from notifapp import destinations
from tests.browser.busy import SECRET, BusyServer, furnish
from tests.browser.live import LiveServer
from tests.conftest import Databases
from tests.gateways.stand_ins.ippanel import IppanelStandIn

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
    "--disable-sync",
]
Visit = Callable[..., Page]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of this folder; without a Chromium keep only one of them, so that one line tells of the skip."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker("browser")
        item.add_marker("slow")
    if ours and find_chromium() is None:
        config.hook.pytest_deselected(items=ours[1:])
        items[:] = [item for item in items if item not in ours[1:]]


def find_chromium() -> str | None:
    """The path of a Chromium on this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One Chromium for every test of this folder, ended with it: its event loop bears no other one in the thread."""
    path = find_chromium()
    if path is None:
        pytest.skip("no browser test was run: they need chromium or google-chrome on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def busy(chromium: Browser, databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BusyServer]:
    """A live server full of people, projects and events, for tests that look and don't change much."""
    server = LiveServer(databases.make("sqlite"), tmp_path_factory.mktemp("scene"))
    with IppanelStandIn() as gateway, server.serving() as live:
        gateway.key = SECRET
        listed = destinations.parse(f"127.0.0.1/32:{urlsplit(gateway.url).port}")
        urls = {"ippanel": gateway.url}
        config = replace(live.app.config["NOTIFAPP"], gateway_urls=urls, private_destinations=listed)
        live.app.config["NOTIFAPP"] = config
        yield furnish(live)


@pytest.fixture
def live(chromium: Browser, databases: Databases, tmp_path: Path) -> Iterator[LiveServer]:
    """A live server on an empty database."""
    with LiveServer(databases.make("sqlite"), tmp_path).serving() as live:
        yield live


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Open a page: `visit(live, path, user_id, **options of the browser's context)`, signed in if a user is given.

    Afterwards the test fails if any page wrote to the console, broke the CSP, raised an error in a script, or asked
    for anything from elsewhere.
    """
    problems: list[str] = []
    with ExitStack() as contexts:

        def open_page(live: LiveServer, path: str, user_id: int | None = None, **options: Any) -> Page:
            page = open_tab(chromium, live, user_id, problems, **options)
            contexts.enter_context(page.context)
            page.goto(path)
            return page

        yield open_page
    assert not problems


def open_tab(chromium: Browser, live: LiveServer, user_id: int | None, problems: list[str], **options: Any) -> Page:
    """A blank page in a browser of its own, signed in if a user is given; what goes wrong in it goes to `problems`."""
    size = {"width": 1280, "height": 900}
    context = chromium.new_context(**{"base_url": live.url, "viewport": size, "reduced_motion": "reduce", **options})
    context.set_default_timeout(10_000)
    if user_id is not None:
        context.add_cookies([live.cookie_of(user_id)])
    page = context.new_page()
    home = urlsplit(live.url).netloc
    page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
    page.on("console", lambda message: None if _is_answer(message) else problems.append(f"{page.url}: {message.text}"))
    page.on("request", lambda asked: None if urlsplit(asked.url).netloc == home else problems.append(asked.url))
    return page


def _is_answer(message: Any) -> bool:
    """Whether this is Chromium's note that the page itself was answered with an error status, as some are meant to."""
    return bool(message.text.startswith("Failed to load resource") and message.location["url"] == message.page.url)
