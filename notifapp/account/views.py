"""The pages for signing in and for the user's own account."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response

from notifapp.access import open_without_second_factor, principal, public, sign_in_required
from notifapp.account import service
from notifapp.account.device_views import this_device
from notifapp.account.forms import ChangePasswordForm, ProfileForm, SignInForm
from notifapp.account.proof.second_step_views import begin_second_step, enter, enter_session, go_on, sign_in_page
from notifapp.errors import TooManyRequests, ValidationFailed
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
        return go_on(form.kept.data)
    if not form.is_submitted():
        return sign_in_page(form)
    try:
        begun = _sign_in(form.email.data or "", form.password.data or "")
    except ValidationFailed as error:
        add_errors(form, error)
        return sign_in_page(form), error.status
    except TooManyRequests as error:
        form.form_errors.append(f"{error.detail} {_NO_WAIT}")
        return sign_in_page(form), error.status, dict(error.headers())
    if not begun.is_complete:
        return begin_second_step(begun.key, form.kept.data)
    enter(begun)
    return go_on(form.kept.data)


@open_without_second_factor
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
    except (ValidationFailed, TooManyRequests) as error:
        add_errors(form, error)
        return _account(_profile_form(), form), error.status, dict(error.headers())
    enter_session(key)
    flash("Your password is changed. Your other sessions have ended and your API tokens are revoked.", "success")
    return redirect(url_for("account.account"), 303)


def _sign_in(email: str, password: str) -> service.SignIn:
    lifetime = current_app.config["NOTIFAPP"].session_lifetime
    return service.sign_in(email, password, device=this_device(), lifetime=lifetime)


def _profile_form() -> ProfileForm:
    return ProfileForm(name=current_user.name, time_zone=current_user.time_zone or "")


def _account(profile_form: ProfileForm, password_form: ChangePasswordForm) -> str:
    profile_form.offer_time_zones()
    tokens = service.count_live_tokens(current_user.user_id)
    return render_template(
        "account/account.html",
        profile_form=profile_form,
        password_form=password_form,
        tokens=tokens,
        has_second_factor=current_user.has_second_factor,
    )
