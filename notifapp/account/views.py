"""The pages for signing in and for the user's own account."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user, logout_user
from werkzeug.wrappers import Response

from notifapp.access import principal, public, sign_in_required
from notifapp.access.sessions import load_session
from notifapp.account import service
from notifapp.account.device_views import remember_device, this_device
from notifapp.account.ended_session_views import next_path, open_again
from notifapp.account.forms import ChangePasswordForm, ProfileForm, SignInForm
from notifapp.errors import TooManyRequests, Unauthenticated, ValidationFailed
from notifapp.web.forms import add_errors

_NO_WAIT = "On a device that you have signed in with before, you may not have to wait."


@public
def home() -> Response:
    """Redirect to the projects, or to the sign-in page."""
    return redirect(url_for("projects.index" if current_user.is_authenticated else "account.sign_in"))


@public
def sign_in() -> ResponseReturnValue:
    """The sign-in page, which leads back to the page that required it."""
    form = SignInForm()
    if current_user.is_authenticated:
        return _go_on(form)
    if not form.is_submitted():
        return _sign_in_page(form)
    try:
        _sign_in(form.email.data or "", form.password.data or "")
    except ValidationFailed as error:
        add_errors(form, error)
        return _sign_in_page(form), error.status
    except TooManyRequests as error:
        form.form_errors.append(f"{error.detail} {_NO_WAIT}")
        return _sign_in_page(form), error.status, dict(error.headers())
    return _go_on(form)


@sign_in_required
def sign_out() -> Response:
    """End this session."""
    service.sign_out(current_user.session_id, principal=principal())
    logout_user()
    session.clear()
    flash("You are signed out.", "success")
    return redirect(url_for("account.sign_in"), 303)


@sign_in_required
def account() -> ResponseReturnValue:
    """The user's own account; a POST changes the name and the time zone."""
    form = _profile_form()
    if not form.is_submitted():
        return _account(form, ChangePasswordForm())
    try:
        service.change_profile(form.name.data or "", form.time_zone.data or "", principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _account(form, ChangePasswordForm()), error.status
    flash("Your account is saved.", "success")
    return redirect(url_for("account.account"), 303)


@sign_in_required
def change_password() -> ResponseReturnValue:
    """Change the user's own password; a GET leads to the account page."""
    form = ChangePasswordForm()
    if not form.is_submitted():
        return redirect(url_for("account.account"))
    if not form.validate():
        return _account(_profile_form(), form), ValidationFailed.status
    try:
        key = service.change_password(
            form.current.data or "", form.new.data or "", session_id=current_user.session_id, principal=principal()
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return _account(_profile_form(), form), error.status
    except TooManyRequests as error:
        form.form_errors.append(error.detail)
        return _account(_profile_form(), form), error.status, dict(error.headers())
    _enter_session(key)
    flash("Your password is changed. Your other sessions have ended and your API tokens are revoked.", "success")
    return redirect(url_for("account.account"), 303)


def _sign_in(email: str, password: str) -> None:
    lifetime = current_app.config["NOTIFAPP"].session_lifetime
    _enter_session(service.sign_in(email, password, device=this_device(), lifetime=lifetime))


def _enter_session(key: str) -> None:
    user = load_session(key)
    if user is None:
        raise Unauthenticated
    session.clear()  # keep nothing from before, such as the CSRF token
    session.permanent = True  # the cookie's lifetime is the idle limit
    login_user(user)
    remember_device(user.user_id)


def _sign_in_page(form: SignInForm) -> str:
    return render_template("account/sign_in.html", form=form, next_path=request.args.get("next"))


def _go_on(form: SignInForm) -> Response:
    """Redirect to the page that required signing in, if it is on this site, else to the projects."""
    path = next_path()
    if path and form.kept.data:
        return open_again(path, form.kept.data)
    return redirect(path or url_for("projects.index"), 303)


def _profile_form() -> ProfileForm:
    return ProfileForm(name=current_user.name, time_zone=current_user.time_zone or "")


def _account(profile_form: ProfileForm, password_form: ChangePasswordForm) -> str:
    profile_form.offer_time_zones()
    tokens = service.count_live_tokens(current_user.user_id)
    return render_template(
        "account/account.html", profile_form=profile_form, password_form=password_form, tokens=tokens
    )
