"""Test messages, sent by a second button of the notifiers' forms, with unsaved values too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import ProjectRef, notifier_permission_required, principal
from notifapp.channels import Channel
from notifapp.delivery.testing import TestResult, test_new_notifier, test_stored_notifier
from notifapp.delivery.typed_secrets import TypedSecrets
from notifapp.errors import TooManyRequests, Unavailable, ValidationFailed
from notifapp.notifiers import service
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.forms import edit_form, new_form, posted_fields, recipient_form
from notifapp.notifiers.gateway.base import Accepted
from notifapp.notifiers.views import edit_page, new_page, offered_backend, typed_secrets
from notifapp.web.forms import Form, add_errors

Fields = Mapping[str, object]


@notifier_permission_required("create")
def test_new(project: ProjectRef, channel: Channel, backend_key: str) -> ResponseReturnValue:
    """Send a test message with the values of a notifier that doesn't exist yet."""
    backend = offered_backend(channel, backend_key)
    form, recipient = new_form(backend), recipient_form(channel)

    def send(fields: Fields) -> TestResult:
        address = recipient["recipient"].data or ""
        fields = {**fields, "backend": backend.key}
        return test_new_notifier(project, channel, fields, address, principal=principal(), with_code=False)

    def show(**test: Any) -> str:
        return new_page(channel, backend, form, recipient_form=recipient, **test)

    return respond(form, recipient, typed_secrets(project, channel, backend), send, show)


@notifier_permission_required("update")
def test_stored(project: ProjectRef, channel: Channel, notifier_id: int) -> ResponseReturnValue:
    """Send a test message with the values in a notifier's form, which may be unsaved."""
    notifier = service.get_notifier(project, channel, notifier_id)
    form, recipient = edit_form(notifier), recipient_form(channel)
    typed = typed_secrets(project, channel, find_backend(notifier.backend), notifier_id)

    def send(fields: Fields) -> TestResult:
        address = recipient["recipient"].data or ""
        return test_stored_notifier(
            project, channel, notifier_id, fields, address, principal=principal(), with_code=False
        )

    def show(**test: Any) -> str:
        return edit_page(project, notifier, form, recipient_form=recipient, **test)

    return respond(form, recipient, typed, send, show)


def respond(
    form: Form,
    recipient: Form,
    typed: TypedSecrets,
    send: Callable[[Fields], TestResult],
    show: Callable[..., str],
) -> ResponseReturnValue:
    """Send with the posted values, and show the form with the result or with what is wrong."""
    try:
        fields = posted_fields(form, typed)
        result = send(fields)
    except ValidationFailed as failed:
        of_recipient = {name: messages for name, messages in failed.errors.items() if name in recipient}
        add_errors(recipient, ValidationFailed(of_recipient))
        add_errors(form, ValidationFailed({k: v for k, v in failed.errors.items() if k not in of_recipient}))
        return show(typed=typed), failed.status
    except (TooManyRequests, Unavailable) as limited:
        recipient["recipient"].errors = [limited.detail]
        return Response(show(typed=typed), limited.status, dict(limited.headers()), mimetype="text/html")
    kept = typed.keep(cast(Fields, fields["settings"]))
    is_sent = isinstance(result.outcome, Accepted)
    return show(typed=kept, test_result=result, is_sent=is_sent, sent_code=result.sent_code)
