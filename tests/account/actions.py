"""What people do about their accounts, and what is left of it in the database."""

from __future__ import annotations

import re

from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from notifapp.audit.models import AuditEvent
from notifapp.extensions import db
from tests.client import Browser
from tests.world import PASSWORD

NEW_PASSWORD = "seven quiet walnuts on ice"
WRONG = "The email address or the password is wrong."


def sign_in(browser: Browser, email: str, password: str = PASSWORD, path: str = "/sign-in") -> TestResponse:
    """Send the sign-in form."""
    return browser.post(path, {"email": email, "password": password})


def use_link(browser: Browser, path: str, new: str = NEW_PASSWORD, repeat: str | None = None) -> TestResponse:
    """Open a link that sets a password, and send the form that it leads to if it is still good."""
    opened = browser.get(path, follow_redirects=True)
    if opened.status_code != 200:
        return opened
    return browser.post("/password", {"username": username(opened.text), "new": new, "repeat": repeat or new})


def username(page: str) -> str:
    """Whose password the page sets."""
    match = re.search(r'name="username" value="([^"]+)"', page)
    assert match
    return match[1]


def is_signed_in(browser: Browser) -> bool:
    return browser.client.get("/account").status_code == 200


def events(app: Flask, *actions: str) -> list[AuditEvent]:
    """The audit events of these kinds, oldest first."""
    with app.app_context():
        found = db.session.scalars(select(AuditEvent).order_by(AuditEvent.id)).all()
    return [event for event in found if event.action in actions]
