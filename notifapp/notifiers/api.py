"""`/api/notifications/notifiers/…`: the JSON endpoints, alike for both channels (docs/api.md, "Notifiers")."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Response, request

from notifapp import clock
from notifapp.access import ProjectRef, permission_required, principal
from notifapp.api import json_answer, read_fields
from notifapp.errors import ValidationFailed
from notifapp.notifiers import blueprint, service
from notifapp.notifiers.backends import BACKENDS, find_backend
from notifapp.notifiers.channels import Channel
from notifapp.notifiers.codes import CODES
from notifapp.notifiers.paging import LimitOffset
from notifapp.notifiers.service import NotifierDetails

PATH = "/api/notifications/notifiers"
_EMAIL = BACKENDS["smtp"]
_OWN_FIELDS = frozenset({"name", "backend", "settings"})


class SettingsRefused(ValidationFailed):
    """SMS endpoints carry the settings in an object, so their messages stand in one too."""

    def body(self) -> Mapping[str, object]:
        """The failing fields, with those of the settings under `settings`."""
        own = {name: messages for name, messages in self.errors.items() if name in _OWN_FIELDS}
        of_settings = {name: messages for name, messages in self.errors.items() if name not in _OWN_FIELDS}
        return {**own, "settings": of_settings} if of_settings else own


def _add_routes(channel: Channel) -> None:
    codes = CODES[channel]

    @blueprint.get(f"{PATH}/{channel}", endpoint=f"api_{channel}_list")
    @permission_required(codes.read)
    def read_list(project: ProjectRef) -> Response:
        """One page of the valid notifiers."""
        part = LimitOffset.of(request, service.ORDERINGS)
        count, notifiers = service.list_valid_notifiers(
            project, channel, search=part.search, ordering=part.ordering, limit=part.limit, offset=part.offset
        )
        return json_answer(part.envelope(request, count, [represent(notifier) for notifier in notifiers]))

    @blueprint.post(f"{PATH}/{channel}", endpoint=f"api_{channel}_create")
    @permission_required(codes.create)
    def create(project: ProjectRef) -> Response:
        """Add a notifier."""
        fields = _new_fields(channel, read_fields())
        try:
            notifier = service.create_notifier(project, channel, fields, principal=principal())
        except ValidationFailed as failed:
            raise _refusal(channel, failed) from None
        return json_answer(represent(notifier), status=201)

    @blueprint.get(f"{PATH}/{channel}/<int:notifier_id>", endpoint=f"api_{channel}_read")
    @permission_required(codes.read)
    def read(project: ProjectRef, notifier_id: int) -> Response:
        """One notifier, enabled or not."""
        return json_answer(represent(service.get_notifier(project, channel, notifier_id)))

    @blueprint.patch(f"{PATH}/{channel}/<int:notifier_id>", endpoint=f"api_{channel}_update")
    @permission_required(codes.update)
    def update(project: ProjectRef, notifier_id: int) -> Response:
        """Change the supplied fields."""
        notifier = service.get_notifier(project, channel, notifier_id)
        fields = _changed_fields(notifier, read_fields())
        try:
            notifier = service.update_notifier(project, channel, notifier_id, fields, principal=principal())
        except ValidationFailed as failed:
            raise _refusal(channel, failed) from None
        return json_answer(represent(notifier))


for _channel in Channel:
    _add_routes(_channel)


def represent(notifier: NotifierDetails) -> dict[str, object]:
    """A notifier as JSON. A secret is null beside `has_<secret>`: every secret is required, so it is stored."""
    times = {"created_at": clock.iso(notifier.created_at), "updated_at": clock.iso(notifier.updated_at)}
    head: dict[str, object] = {"id": notifier.id, "name": notifier.name, "backend": notifier.backend}
    if notifier.channel is Channel.SMS:
        return {**head, "settings": _settings(notifier), **times}
    if notifier.backend == _EMAIL.key:
        return {**head, **_settings(notifier), **times}
    nothing: dict[str, object] = dict.fromkeys(_EMAIL.settings)
    return {**head, **nothing, **{f"has_{name}": False for name in _EMAIL.secrets}, **times}


def _settings(notifier: NotifierDetails) -> dict[str, object]:
    shown: dict[str, object] = {}
    for name, about in find_backend(notifier.backend).settings.items():
        shown[name] = None if about.secret else notifier.settings.get(name, about.default)
        if about.secret:
            shown[f"has_{name}"] = True
    return shown


def _new_fields(channel: Channel, body: Mapping[str, object]) -> Mapping[str, object]:
    """The service's fields. An email body holds the settings of `smtp` beside the name; other keys are ignored."""
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
