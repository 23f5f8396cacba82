"""What people do about their accounts, and what is left of it in the database."""

from __future__ import annotations

import re

from werkzeug.test import TestResponse

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


def copy_of(browser: Browser) -> Browser:
    """Another browser with the same cookie, as a thief would have it."""
    copy = Browser(browser.app)
    cookie = browser.client.get_cookie("notifapp")
    assert cookie is not None
    copy.client.set_cookie("notifapp", cookie.value)
    assert is_signed_in(copy)
    return copy
