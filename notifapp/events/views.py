"""The pages of a project's endpoints, for admins."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from notifapp.access import (
    ProjectRef,
    held_secrets,
    principal,
    project_admin_required,
    recent_proof_required,
    recent_proof_to_save,
)
from notifapp.delivery.wakeup import wake_workers
from notifapp.errors import Conflict, ValidationFailed
from notifapp.events import queries, service
from notifapp.events.forms import EndpointForm
from notifapp.events.models import EventType
from notifapp.web import paging
from notifapp.web.forms import add_errors


@project_admin_required
def index(project: ProjectRef) -> str:
    """The project's endpoints."""
    return render_template("events/index.html", endpoints=queries.list_endpoints(project))


@project_admin_required
@recent_proof_required
def new(project: ProjectRef) -> str:
    """The form for a new endpoint."""
    return _render_form("events/new.html", EndpointForm())


@project_admin_required
@recent_proof_required
def create(project: ProjectRef) -> ResponseReturnValue:
    """Create an endpoint and lead to the page that shows its secret once."""
    form = EndpointForm()
    try:
        made = service.create_endpoint(project, form.url.data or "", form.types.data or [], principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _render_form("events/new.html", form), 400
    return _show_once(project, made)


@project_admin_required
def secret(project: ProjectRef, endpoint_id: int) -> str:
    """Show a new secret to the session that made it, once."""
    endpoint = queries.get_endpoint(project, endpoint_id)
    is_shown = request.method == "GET"  # HEAD shows nothing, so it takes nothing
    text = held_secrets.take(current_user.session_id, _purpose(endpoint_id)) if is_shown else None
    return render_template("events/secret.html", endpoint=endpoint, text=text)


@project_admin_required
def show(project: ProjectRef, endpoint_id: int) -> str:
    """An endpoint, and what was told to it lately."""
    endpoint = queries.get_endpoint(project, endpoint_id)
    page = paging.page(queries.list_messages(endpoint, paging.requested()))
    return render_template("events/show.html", endpoint=endpoint, page=page)


@project_admin_required
@recent_proof_to_save
def edit(project: ProjectRef, endpoint_id: int) -> ResponseReturnValue:
    """The form for an endpoint, and what it saves."""
    endpoint = queries.get_endpoint(project, endpoint_id)
    form = EndpointForm(url=endpoint.url, types=[each.value for each in endpoint.types])
    if request.method == "GET":
        return _render_form("events/edit.html", form, endpoint=endpoint)
    values = form.url.data or "", form.types.data or []
    try:
        service.update_endpoint(project, endpoint_id, *values, principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _render_form("events/edit.html", form, endpoint=endpoint), 400
    flash("Endpoint saved.", "success")
    return _to(project, endpoint_id)


@project_admin_required
@recent_proof_required
def confirm_rotate(project: ProjectRef, endpoint_id: int) -> str:
    """Say what a new secret means."""
    return render_template("events/rotate.html", endpoint=queries.get_endpoint(project, endpoint_id))


@project_admin_required
@recent_proof_required
def rotate(project: ProjectRef, endpoint_id: int) -> Response:
    """Make a new secret and lead to the page that shows it once."""
    return _show_once(project, service.rotate_secret(project, endpoint_id, principal=principal()))


@project_admin_required
def enable(project: ProjectRef, endpoint_id: int) -> Response:
    """Enable an endpoint."""
    service.enable_endpoint(project, endpoint_id, principal=principal())
    flash("Endpoint enabled. It is told what happens from now on.", "success")
    return _to(project, endpoint_id)


@project_admin_required
def disable(project: ProjectRef, endpoint_id: int) -> Response:
    """Disable an endpoint."""
    service.disable_endpoint(project, endpoint_id, principal=principal())
    flash("Endpoint disabled. What was waiting for it was given up.", "success")
    return _to(project, endpoint_id)


@project_admin_required
def confirm_delete(project: ProjectRef, endpoint_id: int) -> str:
    """Ask before deleting."""
    return render_template("events/delete.html", endpoint=queries.get_endpoint(project, endpoint_id))


@project_admin_required
def delete(project: ProjectRef, endpoint_id: int) -> Response:
    """Delete an endpoint."""
    service.delete_endpoint(project, endpoint_id, principal=principal())
    flash("Endpoint deleted.", "success")
    return redirect(url_for(".index", project_slug=project.slug), 303)


@project_admin_required
def test(project: ProjectRef, endpoint_id: int) -> Response:
    """Send a test event."""
    try:
        service.send_test(project, endpoint_id, principal=principal())
    except Conflict as refused:
        flash(refused.detail, "danger")
        return _to(project, endpoint_id)
    wake_workers()
    flash("Test event queued. Reload the page to see what became of it.", "success")
    return _to(project, endpoint_id)


@project_admin_required
def send_again(project: ProjectRef, endpoint_id: int, message_id: int) -> Response:
    """Send an event once more."""
    try:
        service.send_again(project, endpoint_id, message_id, principal=principal())
    except Conflict as refused:
        flash(refused.detail, "danger")
        return _to(project, endpoint_id)
    wake_workers()
    flash("Event queued again, with the same id. Reload the page to see what became of it.", "success")
    return _to(project, endpoint_id)


def _render_form(template: str, form: EndpointForm, **more: object) -> str:
    boxes = list(zip(form.types, EventType, strict=True))
    return render_template(template, form=form, boxes=boxes, **more)


def _show_once(project: ProjectRef, made: service.NewSecret) -> Response:
    held_secrets.hold(current_user.session_id, _purpose(made.endpoint_id), made.secret)
    return redirect(url_for(".secret", project_slug=project.slug, endpoint_id=made.endpoint_id), 303)


def _to(project: ProjectRef, endpoint_id: int) -> Response:
    return redirect(url_for(".show", project_slug=project.slug, endpoint_id=endpoint_id), 303)


def _purpose(endpoint_id: int) -> str:
    return f"event-endpoint:{endpoint_id}"
