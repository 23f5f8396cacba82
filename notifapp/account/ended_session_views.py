"""Forms that are sent after their session has ended, or its last proof is too old.

Sign in again, or confirm, and what was typed is there again.
"""

from __future__ import annotations

import json
from urllib.parse import quote, urlsplit

from flask import current_app, flash, redirect, render_template, request, url_for
from flask_login import current_user
from flask_wtf.csrf import CSRFError
from werkzeug.wrappers import Response

from notifapp.access import is_api
from notifapp.account.forms import SignInForm
from notifapp.config import MAX_BODY_BYTES
from notifapp.errors import ProofRequired, Unauthenticated
from notifapp.notifiers.backends import BACKENDS
from notifapp.second_factor.passkeys import Site
from notifapp.web import error_responses, forms, kept_forms

_PASSWORDS = {"password", "current", "new", "repeat", "code", "recovery_code", "credential"}
_WITHOUT_SESSION = ("account.sign_in", "account.second_step", "account.set_password")
_NOT_SAVED_YET = "What you typed is kept, but it has not been saved yet."
_TOO_LONG = "This page was open for too long. Try again."
_NOT_SAVED = "What you typed is filled in below, but it has not been saved. Check it and send the form again."
_TYPE_AGAIN = " Passwords and keys were not kept: type them again."
_NOTHING_DONE = "Nothing was changed. Do it again if you still want to."


def sign_in_first(error: Unauthenticated) -> Response:
    """Ask to sign in; the CSRF token was right, so what was sent came from a form of ours."""
    return error_responses.respond(error) if is_api() or request.method != "POST" else _ask_to_sign_in()


def refuse_form(error: CSRFError) -> Response:
    """Refuse a form without a valid CSRF token, and help on if it came from a page of this site."""
    if is_api() or request.method != "POST" or not _is_from_this_site():
        return error_responses.respond_to_http_error(error)
    if kept := request.form.get("kept") if request.endpoint == "account.sign_in" else None:
        return _go_on_from_another_tab(kept)
    if request.endpoint in _WITHOUT_SESSION:
        flash(_TOO_LONG, "warning")
        return redirect(request.full_path.rstrip("?"), 303)
    if not current_user.is_authenticated:
        return _ask_to_sign_in()
    return open_again(_form_page(), _typed())


def confirm_first(_error: ProofRequired) -> Response:
    """Ask for the password or a passkey, and keep what was typed meanwhile."""
    if request.method != "POST":
        return redirect(url_for("account.confirm", next=request.full_path.rstrip("?")))
    path = _form_page()
    fields, has_secrets = _parsed(_typed())
    if fields:
        kept_forms.keep(urlsplit(path).path, fields)
        flash(f"{_NOT_SAVED_YET}{_TYPE_AGAIN if has_secrets else ''}", "warning")
    return redirect(url_for("account.confirm", next=path), 303)


def go_back(path: str) -> Response:
    """Lead back to the page that asked to confirm, filled with what was typed there."""
    if kept_forms.is_kept_for(urlsplit(path).path):
        flash(_NOT_SAVED, "warning")
    return redirect(path, 303)


def open_again(path: str, kept: str) -> Response:
    """Lead back to a form's page, filled with what `_typed` returned, if it can be read."""
    fields, has_secrets = _parsed(kept)
    if fields:
        kept_forms.keep(urlsplit(path).path, fields)
    flash(f"{_NOT_SAVED if fields else _NOTHING_DONE}{_TYPE_AGAIN if has_secrets else ''}", "warning")
    return redirect(path, 303)


def next_path() -> str | None:
    """The page that required signing in, if the address names one of this site."""
    path = request.args.get("next", "")
    is_local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_local else None


def secret_fields() -> set[str]:
    """The names of all fields that may hold a secret; none of them is ever kept."""
    return _PASSWORDS.union(*(backend.secrets for backend in BACKENDS.values()))


def _ask_to_sign_in() -> Response:
    """The sign-in page, which carries the fields that were sent."""
    if request.endpoint == "account.sign_out":
        flash("You are signed out.", "success")
        return redirect(url_for("account.sign_in"), 303)
    return _sign_in_page(_typed(), _form_page())


def _go_on_from_another_tab(kept: str) -> Response:
    """Keep the fields of a sign-in page that another tab's signing in has made stale."""
    path = next_path()
    if current_user.is_authenticated and path:
        return open_again(path, kept)
    return _sign_in_page(kept, path)


def _sign_in_page(kept: str, path: str | None) -> Response:
    form = SignInForm(formdata=None, kept=kept)
    has_passkeys = Site.at(request.host_url).is_possible
    page = render_template("account/sign_in.html", form=form, next_path=path, has_passkeys=has_passkeys)
    return Response(page, Unauthenticated.status, mimetype="text/html")


def _is_from_this_site() -> bool:
    """Whether the browser says that a page of this site sent the form; others' fields are never shown."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    return urlsplit(request.headers.get("Origin", "")).netloc == request.host


def _typed() -> str:
    """The posted fields as JSON, without secrets; nothing if they are too long to be sent once more."""
    dropped = {*secret_fields(), forms.CONFIRMED, forms.BACK}
    posted = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
    fields = [(name, value) for name, value in posted if name not in dropped]
    has_secrets = any(name in {*secret_fields(), "kept"} and value for name, value in posted)
    kept = json.dumps({"fields": fields, "has_secrets": has_secrets}, ensure_ascii=False)
    return kept if len(quote(kept)) < MAX_BODY_BYTES - 4096 else ""


def _parsed(kept: str) -> tuple[list[tuple[str, str]], bool]:
    try:
        found = json.loads(kept)
        return [(_sound(name), _sound(value)) for name, value in found["fields"]], bool(found["has_secrets"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return [], False


def _sound(value: object) -> str:
    """The value as text that can be encoded: JSON lets halves of surrogates pass."""
    return str(value).encode(errors="replace").decode()


def _form_page() -> str:
    """The page that shows the form: the posted path, or the nearest one above it that can be opened."""
    adapter = current_app.create_url_adapter(request)
    path = request.path
    while adapter and path and not adapter.test(path, "GET"):
        path = path.rpartition("/")[0]
    return request.full_path.rstrip("?") if path == request.path else path or "/"
