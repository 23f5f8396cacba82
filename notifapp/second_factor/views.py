"""The pages of a person's own second factors, and the one on which an admin resets another person's."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from notifapp.access import (
    admin_required,
    guard,
    held_secrets,
    open_without_second_factor,
    principal,
    recent_proof_required,
    sign_in_required,
)
from notifapp.errors import SecondFactorDue, ValidationFailed
from notifapp.second_factor import service, totp
from notifapp.second_factor.forms import NewAppForm, NewPasskeyForm
from notifapp.second_factor.passkeys import Site
from notifapp.second_factor.service import FactorKind
from notifapp.users import queries as users
from notifapp.web.forms import add_errors

_SECRET = "totp-secret"  # noqa: S105 - what is held for the session, not a secret
_CODES = "recovery-codes"
_TOO_LATE = "This page was open for too long. Scan the new QR code above, and type what the app shows then."


def set_up_first(_error: SecondFactorDue) -> Response:
    """Lead to the set-up, before anything else."""
    return redirect(url_for("second_factor.index"), 303)


@open_without_second_factor
@sign_in_required
def index() -> str:
    """The caller's passkeys, authenticator apps and recovery codes."""
    return render_template(
        "second_factor/index.html",
        factors=service.factors_of(current_user.user_id),
        is_due=guard.is_second_factor_due(),
        site=_site(),
    )


@open_without_second_factor
@sign_in_required
@recent_proof_required
def new_passkey() -> ResponseReturnValue:
    """Add a passkey: the browser makes it, and sends what it made with the form."""
    number = len(service.factors_of(current_user.user_id).passkeys) + 1
    form = NewPasskeyForm(name=f"Passkey {number}")
    if not form.is_submitted():
        return _passkey_page(form)
    try:
        codes = service.add_passkey(
            form.name.data or "", form.credential.data or "", _site(), visitor=_visitor(), principal=principal()
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return _passkey_page(form), error.status
    return _added("The passkey was added.", codes)


@open_without_second_factor
@sign_in_required
@recent_proof_required
def passkey_options() -> Response:
    """What the browser needs to make a passkey, as JSON."""
    options = service.passkey_options(_site(), visitor=_visitor(), principal=principal())
    return Response(options, mimetype="application/json")


@open_without_second_factor
@sign_in_required
@recent_proof_required
def new_app() -> ResponseReturnValue:
    """Add an authenticator app: show the secret as a QR code, and take a code that the app makes of it."""
    form = NewAppForm(name="My phone")
    secret = held_secrets.peek(current_user.session_id, _SECRET)
    if secret is None:
        secret = totp.new_secret()
        held_secrets.hold(current_user.session_id, _SECRET, secret)
        form.code.errors = [_TOO_LATE] if form.is_submitted() else []
        return _app_page(form, secret), ValidationFailed.status if form.is_submitted() else 200
    if not form.is_submitted():
        return _app_page(form, secret)
    try:
        codes = service.add_app(form.name.data or "", secret, form.code.data or "", principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _app_page(form, secret), error.status
    held_secrets.forget(current_user.session_id, _SECRET)
    return _added("The authenticator app was added.", codes)


@open_without_second_factor
@sign_in_required
@recent_proof_required
def remove(kind: str, factor_id: int) -> ResponseReturnValue:
    """Remove a passkey or an authenticator app, after confirmation."""
    of_kind = FactorKind(kind)
    factor = service.get_factor(of_kind, factor_id, principal=principal())
    if request.method != "POST":
        factors = service.factors_of(current_user.user_id)
        is_last = len(factors.passkeys) + len(factors.apps) == 1
        return render_template("second_factor/remove.html", factor=factor, kind=of_kind, is_last=is_last)
    service.remove(of_kind, factor_id, principal=principal())
    flash(f"{factor.name} was removed.", "success")
    return _to_index()


@open_without_second_factor
@sign_in_required
@recent_proof_required
def renew_codes() -> ResponseReturnValue:
    """Make new recovery codes, after confirmation."""
    if request.method != "POST":
        left = service.factors_of(current_user.user_id).codes_left
        return render_template("second_factor/renew_codes.html", left=left)
    return _show_codes(service.renew_recovery_codes(principal=principal()))


@open_without_second_factor
@sign_in_required
def codes() -> str:
    """Show new recovery codes to the session that made them, once."""
    is_shown = request.method == "GET"  # HEAD shows nothing, so it takes nothing
    found = held_secrets.take(current_user.session_id, _CODES) if is_shown else None
    return render_template("second_factor/codes.html", codes=found)


@admin_required
@recent_proof_required
def reset(user_id: int) -> ResponseReturnValue:
    """Reset another person's second step, after confirmation."""
    user = users.get_user(user_id)
    if request.method != "POST":
        return render_template("second_factor/reset.html", user=user)
    service.reset(user_id, principal=principal())
    flash(f"The second step of {user.name} was reset.", "success")
    return redirect(url_for("users.edit", user_id=user_id), 303)


def _added(message: str, codes: list[str]) -> Response:
    flash(message, "success")
    return _show_codes(codes) if codes else _to_index()


def _show_codes(codes: list[str]) -> Response:
    held_secrets.hold(current_user.session_id, _CODES, codes)
    return redirect(url_for(".codes"), 303)


def _to_index() -> Response:
    return redirect(url_for(".index"), 303)


def _passkey_page(form: NewPasskeyForm) -> str:
    return render_template("second_factor/new_passkey.html", form=form, site=_site())


def _app_page(form: NewAppForm, secret: str) -> str:
    address = totp.address(secret, email=principal().email, site=_site().rp_id)
    spaced = " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))
    return render_template("second_factor/new_app.html", form=form, image=totp.qr_code(address), secret=spaced)


def _site() -> Site:
    return Site.at(request.host_url)


def _visitor() -> str:
    """A secret of this browser's session, to which a challenge is bound."""
    return str(session.get("csrf_token", ""))
