"""Try it, as somebody watches it: the message's way, the seconds that are left, and what remains without a script."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from notifapp.access import Principal, ProjectRef
from notifapp.delivery.heartbeat import Heartbeat
from notifapp.delivery.service import Outcome, exchange
from notifapp.delivery.service import send as deliver
from notifapp.notifiers.gateway.base import SendFailed
from notifapp.settings.service import update_notification_settings
from notifapp.settings.values import EMAIL_NOTIFIER
from tests.browser.conftest import Visit
from tests.browser.live import LiveServer

PATH = "/projects/shop/try"


@dataclass
class Sending:
    """A project that sends email to the outbox, and its admin."""

    live: LiveServer
    project: ProjectRef
    admin: int

    def work(self, failure: SendFailed | None = None) -> None:
        """Send the waiting message, as a worker does, or let it fail."""
        with self.live.app.app_context():
            [claim] = exchange([], room=1)
            exchange([Outcome(claim, failure) if failure else deliver(claim)], room=0)


@pytest.fixture
def sending(live: LiveServer) -> Sending:
    project = live.world.project()
    mail = live.world.notifier(project, "email", "mail")
    with live.app.app_context():
        update_notification_settings(project, {EMAIL_NOTIFIER: mail}, principal=Principal.operator())
        Heartbeat().beat()
    return Sending(live, project, live.world.admin())


def send(page: Page) -> None:
    page.get_by_role("button", name="Send code").click()
    expect(page.get_by_role("status")).to_contain_text("Sending…")


def test_the_page_follows_the_message_and_keeps_what_is_typed(sending: Sending, visit: Visit) -> None:
    page = visit(sending.live, PATH, sending.admin)
    send(page)
    page.get_by_label("Code").fill("12")
    sending.work(SendFailed("The server is down.", code="421", retryable=True))
    expect(page.get_by_role("status")).to_contain_text("The server is down.")
    expect(page.get_by_role("status")).to_contain_text(re.compile(r"Retrying at .*\d\d:\d\d:\d\d"))
    page.wait_for_timeout(2000)
    sending.work()
    expect(page.get_by_role("link", name="Open the outbox")).to_be_visible()
    expect(page.get_by_label("Code")).to_have_value("12")


def test_the_seconds_that_are_left_count_down(sending: Sending, visit: Visit) -> None:
    page = visit(sending.live, PATH, sending.admin)
    send(page)
    countdown = page.locator("[data-seconds-left]")
    expect(countdown).to_have_text(re.compile(r"\(1:5\d left\)|\(2:00 left\)"))
    first = countdown.inner_text()
    expect(countdown).not_to_have_text(first)


def test_without_a_script_a_link_shows_the_present_state(sending: Sending, visit: Visit) -> None:
    page = visit(sending.live, PATH, sending.admin, java_script_enabled=False)
    send(page)
    sending.work()
    expect(page.get_by_text(re.compile(r"Valid until .*\d\d:\d\d"))).to_be_visible()
    page.get_by_role("link", name="Check again").click()
    expect(page.get_by_role("status")).to_contain_text("Development only: nothing was sent")
    expect(page.get_by_role("link", name="Check again")).to_have_count(0)


def test_a_code_that_is_too_short_costs_no_attempt(sending: Sending, visit: Visit) -> None:
    page = visit(sending.live, PATH, sending.admin)
    send(page)
    page.get_by_label("Code").fill("12")
    page.get_by_role("button", name="Verify").click()
    expect(page.get_by_role("alert")).to_contain_text("Enter the 5 digits of the code.")
    expect(page.get_by_text("5 attempts left")).to_be_visible()
