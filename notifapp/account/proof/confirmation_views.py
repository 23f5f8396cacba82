"""The page that asks for the password or a passkey again."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from notifapp.access import open_without_second_factor, principal, sign_in_required
from notifapp.access.sessions import load_session
from notifapp.account.ended_session_views import go_back, next_path
from notifapp.account.forms import ConfirmForm, PasskeyForm
from notifapp.account.proof import confirmation as service
from notifapp.account.proof.second_step_views import visitor
from notifapp.errors import TooManyRequests, ValidationFailed
from notifapp.second_factor.passkeys import Site
from notifapp.second_factor.service import factors_of
from notifapp.web.forms import add_errors


@open_without_second_factor
@sign_in_required
def confirm() -> ResponseReturnValue:
    """Ask for the password, or take it, and lead back to the page that asked."""
    form = ConfirmForm()
    if not form.is_submitted():
        return _page(form)
    try:
        key = service.confirm_with_password(
            form.password.data or "", session_id=current_user.session_id, principal=principal()
        )
    except (ValidationFailed, TooManyRequests) as error:
        add_errors(form, error)
        return _page(form), error.status, dict(error.headers())
    return _go_back(key)


@open_without_second_factor
@sign_in_required
def confirm_with_passkey() -> ResponseReturnValue:
    """Take a passkey's response instead."""
    form = ConfirmForm(formdata=None)
    try:
        key = service.confirm_with_passkey(
            PasskeyForm().credential.data or "",
            Site.at(request.host_url),
            visitor=visitor(),
            session_id=current_user.session_id,
            principal=principal(),
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return _page(form), error.status
    return _go_back(key)


def _go_back(key: str) -> Response:
    login_user(load_session(key))  # the session goes on under its new key
    return go_back(next_path() or url_for("account.account"))


def _page(form: ConfirmForm) -> str:
    has_passkey = Site.at(request.host_url).is_possible and bool(factors_of(current_user.user_id).passkeys)
    return render_template("account/confirm.html", form=form, next_path=next_path(), has_passkey=has_passkey)
