"""The "Try it" pages: staff send a code to themselves and verify it, by the same services as the API."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from notifapp import clock, wording
from notifapp.access import NOTIFIERS_READ, Permission, ProjectRef, may, permission_required, principal, require
from notifapp.channels import Channel
from notifapp.delivery.heartbeat import is_worker_running
from notifapp.delivery.queries import get_delivery
from notifapp.errors import Conflict, ErrorCode, TooManyRequests, ValidationFailed
from notifapp.notifiers.backends import find_backend
from notifapp.otp import service
from notifapp.otp.errors import IncompleteCode, InvalidCode
from notifapp.otp.forms import CodeForm, SendForm
from notifapp.otp.limits.service import block_of
from notifapp.otp.parsing import CODE, RECIPIENT, read_challenge, read_code
from notifapp.settings.service import get_policy
from notifapp.web.forms import Form, add_errors


@permission_required(Permission.OTP_SEND)
def try_form(project: ProjectRef) -> str:
    """The form for the recipient of a code."""
    form = SendForm()
    if not form.is_kept:
        form.channel.data, form.recipient.data = Channel.EMAIL.value, principal().email
    return _send_page(project, form)


@permission_required(Permission.OTP_SEND)
def try_send(project: ProjectRef) -> ResponseReturnValue:
    """Send a code, within the usual limits."""
    require(Permission.OTP_VERIFY)
    form = SendForm()
    try:
        if not (form.recipient.data or "").strip():
            raise ValidationFailed({RECIPIENT: ["Enter a phone number or an email address."]})
        new = read_challenge({field.name: field.data for field in form if field.data})
        challenge = service.issue_challenge(project, new.channel, new.recipient, principal=principal())
    except (ValidationFailed, Conflict, TooManyRequests) as error:
        _tell(form, error)
        return _send_page(project, form), error.status
    return redirect(url_for(".try_code", project_slug=project.slug, challenge_id=challenge.id), 303)


@permission_required(Permission.OTP_VERIFY)
def try_code(project: ProjectRef, challenge_id: str) -> str:
    """What became of the message, and the form for the code or the outcome of the challenge."""
    return _code_page(project, challenge_id, CodeForm())


@permission_required(Permission.OTP_VERIFY)
def try_verify(project: ProjectRef, challenge_id: str) -> ResponseReturnValue:
    """Verify the code."""
    require(Permission.OTP_SEND)
    form = CodeForm()
    try:
        service.verify_challenge(project, challenge_id, read_code({CODE: form.code.data or ""}).code)
    except ValidationFailed:
        lengths = service.get_challenge(project, challenge_id).lengths
        _tell(form, IncompleteCode(attempts_left=0, lengths=lengths))
        return _code_page(project, challenge_id, form), 400
    except InvalidCode as error:
        _tell(form, error)
        return _code_page(project, challenge_id, form), error.status
    return redirect(url_for(".try_code", project_slug=project.slug, challenge_id=challenge_id), 303)


@permission_required(Permission.OTP_SEND)
def try_resend(project: ProjectRef, challenge_id: str) -> ResponseReturnValue:
    """Send another code, within the usual limits; those before it stay good."""
    require(Permission.OTP_VERIFY)
    form = CodeForm(formdata=None)
    try:
        service.resend_challenge(project, challenge_id, principal=principal())
    except (Conflict, TooManyRequests, ValidationFailed) as error:
        _tell(form, error)
        return _code_page(project, challenge_id, form), error.status
    flash("Another code is on its way. The ones before it stay good until they expire.", "success")
    return redirect(url_for(".try_code", project_slug=project.slug, challenge_id=challenge_id), 303)


def _tell(form: Form, error: Conflict | TooManyRequests | ValidationFailed | InvalidCode) -> None:
    """Add an error to its field, or to the form itself."""
    if isinstance(error, InvalidCode):
        add_errors(form, ValidationFailed({CODE: [_with_attempts(error)]}))
    else:
        add_errors(form, error)


def _with_attempts(error: InvalidCode) -> str:
    """The page's message, and how many attempts are left if this was one."""
    message = "That code is wrong." if error.code is ErrorCode.INVALID_CODE else error.detail
    if isinstance(error, IncompleteCode) or not error.attempts_left:
        return message
    return f"{message} {wording.count(error.attempts_left, 'attempt')} left."


def _send_page(project: ProjectRef, form: SendForm) -> str:
    require(Permission.OTP_VERIFY)
    form.offer(get_policy(project).usable)
    may_read_settings = may(Permission.NOTIFICATIONS_SETTINGS_READ)
    return render_template("otp/try.html", form=form, may_read_settings=may_read_settings)


def _code_page(project: ProjectRef, challenge_id: str, form: CodeForm) -> str:
    require(Permission.OTP_SEND)
    challenge = service.get_challenge(project, challenge_id)
    delivery = get_delivery(project, next(reversed(challenge.delivery_ids), None))
    return render_template(
        "otp/try_code.html",
        form=form,
        challenge=challenge,
        now=clock.now(),
        delivery=delivery,
        reaches_people=delivery is None or find_backend(delivery.backend).reaches_people,
        is_worker_running=is_worker_running(),
        block=block_of(challenge.id),
        may_see_outbox=may(*NOTIFIERS_READ),
    )
