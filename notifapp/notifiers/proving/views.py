"""The button "Prove it" of the notifiers' forms, which sends a code with unsaved values too, and takes it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import (
    NOTIFIER_PERMISSIONS,
    Permission,
    ProjectRef,
    may,
    notifier_permission_required,
    principal,
    require,
)
from notifapp.channels import Channel
from notifapp.delivery.testing import TestResult, test_new_notifier, test_stored_notifier
from notifapp.delivery.typed_secrets import TypedSecrets
from notifapp.errors import ValidationFailed
from notifapp.notifiers import service
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.forms import edit_form, new_form, posted_fields, recipient_form
from notifapp.notifiers.proving.forms import CodeForm
from notifapp.notifiers.proving.service import find_code
from notifapp.notifiers.proving.service import prove_new as prove_new_values
from notifapp.notifiers.proving.service import prove_stored as prove_stored_values
from notifapp.notifiers.testing_views import respond
from notifapp.notifiers.views import edit_page, new_page, offered_backend, typed_secrets
from notifapp.otp.codes import normalise
from notifapp.web.forms import Form, add_errors

Fields = Mapping[str, object]


@notifier_permission_required("create")
def prove_new(project: ProjectRef, channel: Channel, backend_key: str) -> ResponseReturnValue:
    """Prove the values of a notifier that doesn't exist yet."""
    require(Permission.OTP_SEND)
    backend = offered_backend(channel, backend_key)
    form, recipient, code = new_form(backend), recipient_form(channel), CodeForm()
    typed = typed_secrets(project, channel, backend)

    def send(fields: Fields) -> TestResult:
        address, fields = recipient["recipient"].data or "", {**fields, "backend": backend.key}
        return test_new_notifier(project, channel, fields, address, principal=principal(), with_code=True)

    def prove(fields: Fields) -> None:
        fields = {**fields, "backend": backend.key}
        prove_new_values(project, channel, fields, *_typed_code(code), principal=principal())

    def show(**proof: Any) -> str:
        return new_page(channel, backend, form, recipient_form=recipient, **proof)

    if "check" not in request.form:
        return respond(form, recipient, typed, send, show)
    return _check(project, channel, form, recipient, code, typed, prove, show)


@notifier_permission_required("read")
def prove_stored(project: ProjectRef, channel: Channel, notifier_id: int) -> ResponseReturnValue:
    """Prove a notifier: with the values in its form for those who may change it, as it is for others."""
    require(Permission.OTP_SEND)
    notifier = service.get_notifier(project, channel, notifier_id)
    form, recipient, code = edit_form(notifier), recipient_form(channel), CodeForm()
    typed = typed_secrets(project, channel, find_backend(notifier.backend), notifier_id)
    may_update = may(NOTIFIER_PERMISSIONS[channel].update)

    def send(fields: Fields) -> TestResult:
        address, changes = recipient["recipient"].data or "", fields if may_update else {}
        return test_stored_notifier(
            project, channel, notifier_id, changes, address, principal=principal(), with_code=True
        )

    def prove(fields: Fields) -> Response | None:
        changes, back = fields if may_update else {}, _typed_code(code)
        if not prove_stored_values(project, channel, notifier_id, changes, *back, principal=principal()):
            return None
        typed.forget()
        flash(f"{notifier.name} is proven.", "success")
        page = url_for("notifiers.edit", project_slug=project.slug, channel=channel.value, notifier_id=notifier_id)
        return redirect(page, 303)

    def show(**proof: Any) -> str:
        return edit_page(project, notifier, form, recipient_form=recipient, **proof)

    if "check" not in request.form:
        return respond(form, recipient, typed, send, show)
    return _check(project, channel, form, recipient, code, typed, prove, show)


def _check(
    project: ProjectRef,
    channel: Channel,
    form: Form,
    recipient: Form,
    code: CodeForm,
    typed: TypedSecrets,
    prove: Callable[[Fields], Response | None],
    show: Callable[..., str],
) -> ResponseReturnValue:
    """Take the code back. Unless that proves a stored notifier, show the form, with values to save or what is wrong."""
    try:
        fields = posted_fields(form, typed)
        done = prove(fields)
    except ValidationFailed as failed:
        sent = find_code(project, channel, code.proof.data or "")
        of_code = failed.errors.pop("code", [])
        (code.code if sent else recipient["recipient"]).errors = of_code
        add_errors(form, failed)
        return show(typed=typed, code_form=code, sent_code=sent), failed.status
    return done or show(typed=typed.keep(cast(Fields, fields["settings"])), are_values_proven=True)


def _typed_code(code: CodeForm) -> tuple[str, str]:
    return code.proof.data or "", normalise(code.code.data or "")
