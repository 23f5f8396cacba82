"""The button "Ask the gateway" of the notifiers' forms, which asks with unsaved values, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from flask import request
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import ProjectRef, notifier_permission_required, principal
from notifapp.channels import Channel
from notifapp.delivery.typed_secrets import TypedSecrets
from notifapp.errors import TooManyRequests, Unavailable, ValidationFailed
from notifapp.notifiers import service
from notifapp.notifiers.asking.service import Answers, ask_new, ask_stored
from notifapp.notifiers.backends import find_backend
from notifapp.notifiers.forms import edit_form, new_form, offer, posted_fields
from notifapp.notifiers.views import edit_page, new_page, offered_backend, typed_secrets
from notifapp.web.forms import Form, add_errors

Settings = Mapping[str, object]


@notifier_permission_required("create")
def ask_of_new(project: ProjectRef, channel: Channel, backend_key: str) -> ResponseReturnValue:
    """Ask with the values of a notifier that doesn't exist yet."""
    backend = offered_backend(channel, backend_key)
    form = new_form(backend)

    def show(**asked: Any) -> str:
        return new_page(channel, backend, form, **asked)

    return _respond(
        form,
        typed_secrets(project, channel, backend),
        lambda settings: ask_new(backend, settings, principal=principal()),
        show,
    )


@notifier_permission_required("update")
def ask_of_stored(project: ProjectRef, channel: Channel, notifier_id: int) -> ResponseReturnValue:
    """Ask with the values in a notifier's form, which may be unsaved."""
    notifier = service.get_notifier(project, channel, notifier_id)
    form = edit_form(notifier)

    def show(**asked: Any) -> str:
        return edit_page(project, notifier, form, **asked)

    return _respond(
        form,
        typed_secrets(project, channel, find_backend(notifier.backend), notifier_id),
        lambda settings: ask_stored(project, channel, notifier_id, settings, principal=principal()),
        show,
    )


def _respond(
    form: Form, typed: TypedSecrets, ask: Callable[[Settings], Answers], show: Callable[..., str]
) -> ResponseReturnValue:
    try:
        settings = cast(Settings, posted_fields(form, typed)["settings"])
        answers = ask(settings)
    except ValidationFailed as failed:
        add_errors(form, failed)
        return show(typed=typed), failed.status
    except (TooManyRequests, Unavailable) as limited:
        form.form_errors.append(limited.detail)
        return Response(show(typed=typed), limited.status, dict(limited.headers()), mimetype="text/html")
    offer(form, typed.backend, answers.lines, answers.templates, use=request.form.get("use", ""))
    return show(typed=typed.keep(settings), answers=answers)
