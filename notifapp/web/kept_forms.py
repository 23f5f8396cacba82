"""What was typed into a form that was sent too late: it fills the form again, once, and nothing is sent by itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from flask import g, request, session
from flask_login import current_user
from werkzeug.datastructures import MultiDict

from notifapp.access import held_secrets

Fields = MultiDict[str, str]

_COOKIE_KEY = "kept_form"  # the path of the form to fill; the fields themselves are held in the database


def keep(path: str, fields: Iterable[tuple[str, str]]) -> None:
    """Fill the form on this page when the signed-in session opens it next."""
    held_secrets.hold(current_user.session_id, held_secrets.FORM, list(fields))
    session[_COOKIE_KEY] = path


def is_kept_for(path: str) -> bool:
    """Whether the form on this page will be filled."""
    return session.get(_COOKIE_KEY) == path


def kept_fields() -> Fields | None:
    """The fields that were kept for the requested page, if any; each page gets them once."""
    if "kept_fields" not in g:
        is_wanted = request.method == "GET" and is_kept_for(request.path)
        g.kept_fields = _take() if is_wanted and current_user.is_authenticated else None
    return cast("Fields | None", g.kept_fields)


def _take() -> Fields | None:
    del session[_COOKIE_KEY]
    held = held_secrets.take(current_user.session_id, held_secrets.FORM)
    return None if held is None else MultiDict((name, value) for name, value in held)
