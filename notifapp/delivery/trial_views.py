"""The test messages of the notifiers' pages: a second button of their forms, so it works on what isn't saved yet."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint
from werkzeug.wrappers import Response

from notifapp.access import ProjectRef, principal
from notifapp.delivery.trial import Trial, try_new, try_stored
from notifapp.errors import TooManyRequests, ValidationFailed
from notifapp.forms import Form, add_errors
from notifapp.notifiers import service
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.backends.base import Backend, Receipt
from notifapp.notifiers.channels import Channel
from notifapp.notifiers.forms import edit_form, new_form, posted_fields, recipient_form
from notifapp.notifiers.views import NEW, ONE, Page, channel_permission, edit_page, new_page, offered_backend

blueprint = Blueprint("trial", __name__)


@blueprint.post(f"{NEW}/<backend_key>/test")
@channel_permission("create")
def new(project: ProjectRef, channel: Channel, backend_key: str) -> Page:
    """Try the values of a notifier that doesn't exist yet."""
    backend = offered_backend(channel, backend_key)
    form, recipient = new_form(backend), recipient_form(channel)
    fields = {**posted_fields(form), "backend": backend.key}

    def send() -> Trial:
        return try_new(project, channel, fields, recipient["recipient"].data or "", principal=principal())

    def show(**trial: object) -> str:
        return new_page(channel, backend, form, recipient_form=recipient, **trial)

    return _answer(backend, form, recipient, send, show)


@blueprint.post(f"{ONE}/test")
@channel_permission("update")
def stored(project: ProjectRef, channel: Channel, notifier_id: int) -> Page:
    """Try the values in a notifier's form, saved or not."""
    notifier = service.get_notifier(project, channel, notifier_id)
    form, recipient = edit_form(notifier), recipient_form(channel)
    fields = posted_fields(form)

    def send() -> Trial:
        address = recipient["recipient"].data or ""
        return try_stored(project, channel, notifier_id, fields, address, principal=principal())

    def show(**trial: object) -> str:
        return edit_page(project, notifier, form, recipient_form=recipient, **trial)

    return _answer(find_backend(notifier.backend), form, recipient, send, show)


def _answer(
    backend: Backend[object], form: Form, recipient: Form, send: Callable[[], Trial], show: Callable[..., str]
) -> Page:
    try:
        trial = send()
    except ValidationFailed as failed:
        of_recipient = {name: messages for name, messages in failed.errors.items() if name in recipient}
        add_errors(recipient, ValidationFailed(of_recipient))
        add_errors(form, ValidationFailed({k: v for k, v in failed.errors.items() if k not in of_recipient}))
        return show(), failed.status
    except TooManyRequests as limited:
        recipient["recipient"].errors = [limited.detail]
        return Response(show(), limited.status, dict(limited.headers()), mimetype="text/html")
    typed = [about.label for name, about in backend.settings.items() if about.secret and form[name].data]
    return show(trial=trial, is_sent=isinstance(trial.outcome, Receipt), typed_secrets=typed)
