"""The pages of the second step, signing in with a passkey, and what follows every sign-in."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user, login_user
from werkzeug.wrappers import Response

from notifapp.access import public
from notifapp.access.sessions import load_session
from notifapp.account.device_views import remember_device, this_device
from notifapp.account.ended_session_views import next_path, open_again
from notifapp.account.forms import PasskeyForm, SecondStepForm, SignInForm
from notifapp.account.proof import second_step as service
from notifapp.account.service import SignIn
from notifapp.errors import TooManyRequests, Unauthenticated, ValidationFailed
from notifapp.second_factor import passkeys, pending
from notifapp.second_factor.passkeys import Site
from notifapp.second_factor.service import factors_of
from notifapp.web.forms import Form, add_errors

_KEY = "second_step"  # in the session's cookie: the key of the sign-in whose second step is due
_TOO_LATE = "That took too long. Sign in again."
_RESET = (
    "An admin has removed your passkeys and authenticator apps. If you didn't ask for that, change your password and "
    "tell another admin."
)


@public
def second_step() -> ResponseReturnValue:
    """Ask for a code, after the right password."""
    form = SecondStepForm()
    key = session.get(_KEY, "")
    if current_user.is_authenticated:
        return go_on(form.kept.data)
    if pending.find(key) is None:
        return _start_again()
    if not form.is_submitted():
        return _page(form)
    try:
        finished = service.finish(
            key,
            code=form.code.data or "",
            recovery_code=form.recovery_code.data or "",
            device=this_device(),
            lifetime=_lifetime(),
        )
    except service.SecondStepOver:
        return _start_again()
    except (ValidationFailed, TooManyRequests) as error:
        add_errors(form, error)
        return _page(form), error.status, dict(error.headers())
    enter(finished)
    return go_on(form.kept.data)


@public
def passkey_options() -> Response:
    """What the browser needs to ask a passkey, as JSON."""
    options = passkeys.request_options(Site.at(request.host_url), visitor=visitor())
    return Response(options, mimetype="application/json")


@public
def passkey() -> ResponseReturnValue:
    """Sign in with a passkey: instead of the password, or as the second step."""
    form = PasskeyForm()
    if current_user.is_authenticated:
        return go_on(form.kept.data)
    try:
        finished = service.sign_in_with_passkey(
            form.credential.data or "",
            Site.at(request.host_url),
            visitor=visitor(),
            device=this_device(),
            lifetime=_lifetime(),
        )
    except (ValidationFailed, TooManyRequests) as error:
        return _refused(form, error)
    enter(finished)
    return go_on(form.kept.data)


def begin_second_step(key: str, kept: str | None) -> ResponseReturnValue:
    """Lead to the second step; what was typed before the session ended goes along in the page."""
    session.clear()  # keep nothing from before signing in
    session[_KEY] = key
    if kept:
        return _page(SecondStepForm(formdata=None, kept=kept))
    return redirect(url_for("account.second_step", next=next_path()), 303)


def enter(finished: SignIn) -> None:
    """Be signed in with a new session."""
    enter_session(finished.key)
    if finished.was_reset:
        flash(_RESET, "warning")


def enter_session(key: str) -> None:
    """Let this browser go on with the session of this key, and be known to its account from then on."""
    user = load_session(key)
    if user is None:
        raise Unauthenticated
    session.clear()  # keep nothing from before, such as the CSRF token
    session.permanent = True  # the cookie's lifetime is the idle limit
    login_user(user)
    remember_device(user.user_id)


def go_on(kept: str | None) -> Response:
    """Redirect to the page that required signing in, if it is on this site, else to the projects."""
    path = next_path()
    if path and kept:
        return open_again(path, kept)
    return redirect(path or url_for("projects.index"), 303)


def sign_in_page(form: SignInForm) -> str:
    """The page that asks for the email address and the password."""
    has_passkeys = Site.at(request.host_url).is_possible
    return render_template(
        "account/sign_in.html", form=form, next_path=request.args.get("next"), has_passkeys=has_passkeys
    )


def visitor() -> str:
    """A secret of this browser's session."""
    return str(session.get("csrf_token", ""))


def _refused(form: PasskeyForm, error: ValidationFailed | TooManyRequests) -> ResponseReturnValue:
    """The page that the passkey was used on, with the reason."""
    messages = error.errors["non_field_errors"] if isinstance(error, ValidationFailed) else [error.detail]
    is_second_step = pending.find(session.get(_KEY, "")) is not None
    shown: Form = (SecondStepForm if is_second_step else SignInForm)(formdata=None, kept=form.kept.data)
    shown.form_errors.extend(messages)
    page = _page(shown) if isinstance(shown, SecondStepForm) else sign_in_page(shown)
    return page, error.status, dict(error.headers())


def _page(form: SecondStepForm) -> str:
    user = pending.find(session[_KEY])
    if user is None:
        raise Unauthenticated
    has_passkeys = Site.at(request.host_url).is_possible
    return render_template(
        "account/second_step.html",
        form=form,
        email=user.email,
        factors=factors_of(user.id),
        next_path=next_path(),
        has_passkeys=has_passkeys,
    )


def _start_again() -> Response:
    flash(_TOO_LATE, "warning")
    return redirect(url_for("account.sign_in", next=next_path()), 303)


def _lifetime() -> int:
    lifetime: int = current_app.config["NOTIFAPP"].session_lifetime
    return lifetime
