"""The console backend: nothing is sent, and a developer reads the message in the log and on the outbox page."""

from __future__ import annotations

import logging

import pytest
from flask import Flask
from sqlalchemy import text

from notifapp.access import ProjectRef
from notifapp.channels import Channel
from notifapp.extensions import db
from notifapp.notifiers.backends import BACKENDS
from notifapp.notifiers.gateway.base import Message
from tests.client import Browser
from tests.world import World

OUTBOX = "/projects/shop/notifiers/outbox"


def write(app: Flask, project: ProjectRef, body: str, channel: Channel = Channel.SMS, subject: str = "") -> str:
    console = BACKENDS["console"]
    recipient = "+989120000000" if channel is Channel.SMS else "customer@example.com"
    message = Message(project_id=project.id, channel=channel, recipient=recipient, body=body, subject=subject)
    with app.app_context():
        return console.send(console.load({}), message).provider_id


def test_a_message_goes_to_the_log_and_to_the_outbox(
    app: Flask, browser: Browser, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    project = world.project("shop")
    caplog.set_level(logging.INFO, "notifapp.console")
    assert write(app, project, "Your code: 01234\nIt lives for 2 minutes.", subject="01234!").isdigit()
    assert "Your code: 01234" in caplog.text
    page = browser.sign_in(world.member(project, 2812)).get(OUTBOX).text
    assert "+989120000000" in page
    assert "Your code: 01234<br>It lives for 2 minutes." in page
    assert "For development only" in page
    with app.app_context(), db.engine.connect() as connection:
        assert "01234" not in str(connection.execute(text("SELECT * FROM outbox_message")).all())


def test_the_outbox_shows_the_channels_that_one_may_read(app: Flask, browser: Browser, world: World) -> None:
    project, other = world.project("shop"), world.project("other")
    write(app, project, "to a phone")
    write(app, project, "to a mailbox", Channel.EMAIL, "A subject")
    write(app, other, "elsewhere")
    page = browser.sign_in(world.member(project, 2832)).get(OUTBOX).text
    assert "A subject" in page
    assert "to a mailbox" in page
    assert "to a phone" not in page
    assert "elsewhere" not in page


def test_the_outbox_is_read_page_by_page(app: Flask, browser: Browser, world: World) -> None:
    project = world.project("shop")
    browser.sign_in(world.member(project, 2812))
    assert "No messages yet" in browser.get(OUTBOX).text
    for number in range(60):
        write(app, project, f"message {number:02}")
    first = browser.get(OUTBOX).text
    assert "message 59" in first
    assert "message 09" not in first
    after = first.split("?after=", 1)[1].split('"', 1)[0]
    second = browser.get(f"{OUTBOX}?after={after}").text
    assert "message 09" in second
    assert "message 10" not in second
    for odd in ("x", "-1", str(2**70)):
        assert browser.get(f"{OUTBOX}?after={odd}").status_code in (200, 404)
