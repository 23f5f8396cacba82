"""`/api/notifications/notifiers/…`: the JSON endpoints, the same for both channels (docs/api.md, "Notifiers")."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request

from notifapp import clock
from notifapp.access import ProjectRef, notifier_permission_required, principal
from notifapp.channels import Channel
from notifapp.errors import ValidationFailed
from notifapp.notifiers import service
from notifapp.notifiers.backends import BACKENDS, find_backend
from notifapp.notifiers.proving.service import Proof
from notifapp.notifiers.service import NotifierDetails
from notifapp.settings.service import get_policy
from notifapp.web.json_api import json_response, read_fields
from notifapp.web.paging import LimitOffset

PATH = "/api/notifications/notifiers"
_EMAIL = BACKENDS["smtp"]
_OWN_FIELDS = frozenset({"name", "backend", "settings"})


class SettingsRefused(ValidationFailed):
    """Validation errors of the SMS endpoints, which nest the settings, and so their messages, in an object."""

    def body(self) -> Mapping[str, object]:
        """The failing fields and their messages, with the settings' under `settings`."""
        own = {name: messages for name, messages in self.errors.items() if name in _OWN_FIELDS}
        of_settings = {name: messages for name, messages in self.errors.items() if name not in _OWN_FIELDS}
        return {**own, "settings": of_settings} if of_settings else own


@notifier_permission_required("read")
def read_list(project: ProjectRef, channel: Channel) -> Response:
    """A page of the valid notifiers."""
    part = LimitOffset.of(request, service.ORDERINGS)
    count, notifiers = service.list_valid_notifiers(
        project,
        channel,
        requires_proof=get_policy(project).requires_proof,
        search=part.search,
        ordering=part.ordering,
        limit=part.limit,
        offset=part.offset,
    )
    return json_response(part.envelope(request, count, [represent(notifier) for notifier in notifiers]))


@notifier_permission_required("create")
def create(project: ProjectRef, channel: Channel) -> Response:
    """Add a notifier."""
    fields = _new_fields(channel, read_fields())
    try:
        notifier = service.create_notifier(project, channel, fields, principal=principal())
    except ValidationFailed as failed:
        raise _refusal(channel, failed) from None
    return json_response(represent(notifier), status=201)


@notifier_permission_required("read")
def read(project: ProjectRef, channel: Channel, notifier_id: int) -> Response:
    """One notifier, enabled or not."""
    return json_response(represent(service.get_notifier(project, channel, notifier_id)))


@notifier_permission_required("update")
def update(project: ProjectRef, channel: Channel, notifier_id: int) -> Response:
    """Change the supplied fields."""
    notifier = service.get_notifier(project, channel, notifier_id)
    fields = _changed_fields(notifier, read_fields())
    try:
        notifier = service.update_notifier(project, channel, notifier_id, fields, principal=principal())
    except ValidationFailed as failed:
        raise _refusal(channel, failed) from None
    return json_response(represent(notifier))


def represent(notifier: NotifierDetails) -> dict[str, object]:
    """A notifier as JSON. A secret is null, with `has_<secret>` beside it; `proven_at` only of what is proven now."""
    proven_at = notifier.proven_at if notifier.proof is Proof.PROVEN else None
    times = {
        "proven_at": clock.iso(proven_at) if proven_at else None,
        "created_at": clock.iso(notifier.created_at),
        "updated_at": clock.iso(notifier.updated_at),
    }
    head: dict[str, object] = {"id": notifier.id, "name": notifier.name, "backend": notifier.backend}
    if notifier.channel is Channel.SMS:
        return {**head, "settings": _settings(notifier), **times}
    if notifier.backend == _EMAIL.key:
        return {**head, **_settings(notifier), **times}
    nothing: dict[str, object] = dict.fromkeys(_EMAIL.settings)
    return {**head, **nothing, **{f"has_{name}": False for name in _EMAIL.secrets}, **times}


def _settings(notifier: NotifierDetails) -> dict[str, object]:
    shown: dict[str, object] = {}
    backend = find_backend(notifier.backend)
    for name, about in backend.settings.items():
        shown[name] = None if about.secret else notifier.settings.get(name, about.default)
        if about.secret:
            shown[f"has_{name}"] = backend.has_secret(name, notifier.settings)
    return shown


def _new_fields(channel: Channel, body: Mapping[str, object]) -> Mapping[str, object]:
    """The fields for the service. An email body has the settings of `smtp` beside the name; other keys are ignored."""
    if channel is Channel.SMS:
        return body
    settings = {name: body[name] for name in _EMAIL.settings if name in body}
    return {**_name(body), "backend": _EMAIL.key, "settings": settings}


def _changed_fields(notifier: NotifierDetails, body: Mapping[str, object]) -> Mapping[str, object]:
    if notifier.channel is Channel.SMS:
        return body
    names = find_backend(notifier.backend).settings
    return {**_name(body), "settings": {name: body[name] for name in names if name in body}}


def _name(body: Mapping[str, object]) -> Mapping[str, object]:
    return {"name": body["name"]} if "name" in body else {}


def _refusal(channel: Channel, failed: ValidationFailed) -> ValidationFailed:
    return SettingsRefused(failed.errors) if channel is Channel.SMS else failed
