"""The pages to list, create, edit, enable, disable and delete notifiers, and the outbox."""

from __future__ import annotations

from typing import Any, NamedTuple

from flask import current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from markupsafe import Markup
from werkzeug.wrappers import Response

from notifapp.access import (
    NOTIFIER_PERMISSIONS,
    NOTIFIERS_READ,
    Permission,
    ProjectRef,
    may,
    notifier_permission_required,
    permission_required,
    principal,
    recent_proof_required,
)
from notifapp.channels import Channel
from notifapp.delivery import stopping
from notifapp.delivery.typed_secrets import TypedSecrets
from notifapp.errors import Conflict, NotFound, ValidationFailed
from notifapp.health.service import asked_for
from notifapp.notifiers import service
from notifapp.notifiers.asking import balances
from notifapp.notifiers.asking.service import can_ask
from notifapp.notifiers.backends import backends_for, find_backend
from notifapp.notifiers.forms import edit_form, new_form, posted_fields, recipient_form, show_kept
from notifapp.notifiers.gateway.base import Backend
from notifapp.notifiers.gateway.receipts import PushesReceipts
from notifapp.notifiers.proving.forms import CodeForm
from notifapp.notifiers.proving.service import Proof
from notifapp.notifiers.sending import receipt_url
from notifapp.notifiers.service import NotifierDetails
from notifapp.settings.service import get_policy, ids_in_force
from notifapp.web import paging
from notifapp.web.forms import Form, add_errors
from notifapp.web.times import time_zone

SEARCH_FROM = 10  # notifiers of a channel; fewer are seen at a glance


class Group(NamedTuple):
    """A channel's part of the list."""

    channel: Channel
    page: paging.Page
    may_create: bool
    may_update: bool


@permission_required(*NOTIFIERS_READ)
def index(project: ProjectRef) -> str:
    """The notifiers of the channels that the caller may read, those in use first; further pages are of one channel."""
    search, in_use = paging.search_text(), ids_in_force(project)
    readable = _readable()
    wanted = request.args.get("channel")
    shown = [channel for channel in readable if wanted in (None, channel.value)]
    groups = [_group(project, channel, search, in_use) for channel in shown]
    has_many = any(len(group.page.items) > SEARCH_FROM for group in groups)
    return render_template(
        "notifiers/index.html",
        groups=groups,
        in_use=in_use,
        search=search,
        has_search=bool(search or wanted) or has_many,
        is_part=bool(search) or len(shown) < len(readable),
        has_outbox=service.has_outbox(project, readable),
        find_backend=find_backend,
    )


def _group(project: ProjectRef, channel: Channel, search: str, in_use: set[int]) -> Group:
    cursor = paging.requested() if "channel" in request.args else None
    part, notifiers = service.find_notifiers(project, channel, search=search, first=in_use, cursor=cursor)
    permissions = NOTIFIER_PERMISSIONS[channel]
    return Group(
        channel,
        paging.page(part, notifiers, channel=channel.value),
        may_create=_may_change(project, permissions.create),
        may_update=_may_change(project, permissions.update),
    )


@notifier_permission_required("create")
def choose(project: ProjectRef, channel: Channel) -> str:
    """Choose the backend of a new notifier."""
    return render_template("notifiers/choose.html", channel=channel, offered=backends_for(channel))


@notifier_permission_required("create")
@recent_proof_required
def new(project: ProjectRef, channel: Channel, backend_key: str) -> str:
    """The form for a new notifier."""
    backend = offered_backend(channel, backend_key)
    return new_page(channel, backend, new_form(backend))


@notifier_permission_required("create")
@recent_proof_required
def create(project: ProjectRef, channel: Channel, backend_key: str) -> ResponseReturnValue:
    """Create a notifier from the form."""
    backend = offered_backend(channel, backend_key)
    form, typed = new_form(backend), typed_secrets(project, channel, backend)
    try:
        fields = {**posted_fields(form, typed), "backend": backend.key}
        notifier = service.create_notifier(project, channel, fields, principal=principal())
    except ValidationFailed as failed:
        add_errors(form, failed)
        return new_page(channel, backend, form, typed=typed), 400
    typed.forget()
    flash(_created(project, notifier), "success")
    return _after_change(project)


def _created(project: ProjectRef, notifier: NotifierDetails) -> Markup:
    """What to do next, with a link for those who may do it."""
    name = notifier.name
    if notifier.proof is not Proof.PROVEN and get_policy(project).requires_proof:
        return Markup("{} was created. Prove it on its page, so that it can be chosen in the settings.").format(name)
    settings = "settings"
    if may(Permission.NOTIFICATIONS_SETTINGS_UPDATE):
        address = url_for("settings.page", project_slug=project.slug)
        settings = Markup('<a class="alert-link" href="{}">settings</a>').format(address)
    return Markup("{} was created. Choose it in the {} to start using it.").format(name, settings)


@notifier_permission_required("read")
def edit(project: ProjectRef, channel: Channel, notifier_id: int) -> str:
    """One notifier: its form, or only its values without the permission to change them."""
    notifier = service.get_notifier(project, channel, notifier_id)
    return edit_page(project, notifier, edit_form(notifier))


@notifier_permission_required("update")
@recent_proof_required
def save(project: ProjectRef, channel: Channel, notifier_id: int) -> ResponseReturnValue:
    """Change a notifier from the form."""
    notifier = service.get_notifier(project, channel, notifier_id)
    form, typed = edit_form(notifier), typed_secrets(project, channel, find_backend(notifier.backend), notifier_id)
    try:
        fields = posted_fields(form, typed)
        saved = service.update_notifier(project, channel, notifier_id, fields, principal=principal())
    except ValidationFailed as failed:
        add_errors(form, failed)
        return edit_page(project, notifier, form, typed=typed), 400
    typed.forget()
    changed = saved.updated_at != notifier.updated_at
    flash(f"{saved.name} was saved." if changed else "Nothing was changed.", "success")
    return _after_change(project)


@notifier_permission_required("update")
def enable(project: ProjectRef, channel: Channel, notifier_id: int) -> ResponseReturnValue:
    """Enable a notifier, so that the settings may choose it."""
    notifier = service.enable_notifier(project, channel, notifier_id, principal=principal())
    flash(f"{notifier.name} is enabled. You can choose it in the settings.", "success")
    return _after_change(project)


@notifier_permission_required("update")
def disable(project: ProjectRef, channel: Channel, notifier_id: int) -> ResponseReturnValue:
    """Take it out of the settings' choice; ask first where that stops the codes of its channel."""
    is_in_use = notifier_id in ids_in_force(project)
    if is_in_use and "confirmed" not in request.form:
        notifier = service.get_notifier(project, channel, notifier_id)
        return render_template("notifiers/disable.html", notifier=notifier, asked_for=asked_for(project, channel))
    notifier = stopping.disable_notifier(project, channel, notifier_id, principal=principal())
    if is_in_use:
        flash(
            f"{notifier.name} is disabled. No code can be sent by {channel.sentence} until you enable it or choose "
            "another notifier in the settings.",
            "warning",
        )
    else:
        flash(f"{notifier.name} is disabled. It can no longer be chosen in the settings.", "success")
    return _after_change(project)


@notifier_permission_required("update")
def renew_receipts(project: ProjectRef, channel: Channel, notifier_id: int) -> ResponseReturnValue:
    """Give the notifier a new address for receipts, because the former one has become known."""
    service.renew_receipt_key(project, channel, notifier_id, principal=principal())
    flash("The address for receipts is new. The former one is closed.", "success")
    return redirect(url_for(".edit", project_slug=project.slug, channel=channel.value, notifier_id=notifier_id), 303)


@notifier_permission_required("update")
def confirm_delete(project: ProjectRef, channel: Channel, notifier_id: int) -> str:
    """Ask before deleting."""
    notifier = service.get_notifier(project, channel, notifier_id)
    return _delete_page(notifier, is_in_use=notifier.id in ids_in_force(project))


@notifier_permission_required("update")
def delete(project: ProjectRef, channel: Channel, notifier_id: int) -> ResponseReturnValue:
    """Delete a notifier, unless the settings use it."""
    notifier = service.get_notifier(project, channel, notifier_id)
    try:
        stopping.delete_notifier(project, channel, notifier_id, principal=principal())
    except Conflict:
        return _delete_page(notifier, is_in_use=True), Conflict.status
    flash(f"{notifier.name} was deleted.", "success")
    return _after_change(project)


@permission_required(*NOTIFIERS_READ)
def outbox(project: ProjectRef) -> str:
    """The messages that the console backend kept instead of sending."""
    part, messages = service.list_outbox(project, _readable(), paging.requested())
    return render_template("notifiers/outbox.html", page=paging.page(part, messages))


def offered_backend(channel: Channel, key: str) -> Backend[Any]:
    """The backend with this key. Raise `NotFound` if there is none for the channel."""
    backend = find_backend(key)
    if channel not in backend.channels:
        raise NotFound
    return backend


def typed_secrets(
    project: ProjectRef, channel: Channel, backend: Backend[Any], notifier_id: int | None = None
) -> TypedSecrets:
    """The secrets held for the posted form since a test of it."""
    place = f"{project.id}:{channel}:{backend.key}:{notifier_id or 'new'}"
    return TypedSecrets(current_user.session_id, place, backend, request.form.get("kept", ""))


def new_page(
    channel: Channel, backend: Backend[Any], form: Form, *, typed: TypedSecrets | None = None, **test: object
) -> str:
    """The page for a new notifier; `test` is the context of a test or of the gateway's answers, if requested."""
    context = {"recipient_form": recipient_form(channel), "code_form": CodeForm(), **_kept(form, typed), **test}
    return render_template(
        "notifiers/new.html",
        channel=channel,
        backend=backend,
        form=form,
        can_ask=can_ask(backend),
        may_prove=may(Permission.OTP_SEND),
        **context,
    )


def edit_page(
    project: ProjectRef, notifier: NotifierDetails, form: Form, *, typed: TypedSecrets | None = None, **test: object
) -> str:
    """The page for a notifier; `test` is the context of a test or of the gateway's answers, if requested."""
    backend = find_backend(notifier.backend)
    may_update = _may_change(project, NOTIFIER_PERMISSIONS[notifier.channel].update)
    return render_template(
        "notifiers/edit.html",
        notifier=notifier,
        backend=backend,
        can_ask=can_ask(backend),
        balance=balances.chart(notifier.id, time_zone()),
        form=form,
        is_in_use=notifier.id in ids_in_force(project),
        may_update=may_update,
        may_prove=_may_change(project, Permission.OTP_SEND),
        receipts_url=_receipts_url(project, notifier) if may_update else "",
        has_public_url=bool(current_app.config["NOTIFAPP"].public_url),
        **{
            "recipient_form": recipient_form(notifier.channel),
            "code_form": CodeForm(),
            **_kept(form, typed),
            **test,
        },
    )


def _receipts_url(project: ProjectRef, notifier: NotifierDetails) -> str:
    """Where the gateway tells what became of messages; empty if it never does."""
    if not isinstance(find_backend(notifier.backend), PushesReceipts):
        return ""
    key = service.get_receipt_key(project, notifier.channel, notifier.id)
    if key is None:
        return ""
    return receipt_url(key) or url_for("receipts.receive", key=key, _external=True)


def _kept(form: Form, typed: TypedSecrets | None) -> dict[str, object]:
    """What a page needs of the secrets that are held for its form: their labels, and the key."""
    names = typed.names() if typed else []
    show_kept(form, names)
    return {"kept": [form[name].label.text for name in names], "kept_key": typed.key if typed and names else ""}


def _delete_page(notifier: NotifierDetails, *, is_in_use: bool) -> str:
    may_read_settings = may(Permission.NOTIFICATIONS_SETTINGS_READ)
    return render_template(
        "notifiers/delete.html", notifier=notifier, is_in_use=is_in_use, may_read_settings=may_read_settings
    )


def _readable() -> list[Channel]:
    return [channel for channel, permissions in NOTIFIER_PERMISSIONS.items() if may(permissions.read)]


def _may_change(project: ProjectRef, code: Permission) -> bool:
    return may(code) and not project.archived_at


def _after_change(project: ProjectRef) -> Response:
    endpoint = ".index" if may(*NOTIFIERS_READ) else "projects.overview"
    return redirect(url_for(endpoint, project_slug=project.slug), 303)
