"""The pages of projects."""

from __future__ import annotations

from typing import NamedTuple

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import (
    NOTIFIER_PERMISSIONS,
    NOTIFIERS_READ,
    Permission,
    ProjectRef,
    admin_required,
    enter_project,
    may,
    member_required,
    principal,
    sign_in_required,
)
from notifapp.channels import Channel
from notifapp.delivery.queries import visible_channels
from notifapp.delivery.stopping import archive_project
from notifapp.errors import ValidationFailed
from notifapp.health import service as health
from notifapp.health.checklist import checklist
from notifapp.message_templates.service import channels_with_project_name
from notifapp.otp.test_recipients.service import in_force
from notifapp.otp.trials.service import get_report
from notifapp.projects import queries, service
from notifapp.projects.forms import NewProjectForm, RenameForm
from notifapp.web import paging
from notifapp.web.forms import add_errors


@sign_in_required
def index() -> str:
    """The projects that the caller may enter."""
    search = paging.search_text()
    part = queries.list_projects(principal(), search, paging.requested())
    return render_template("projects/index.html", page=paging.page(part), search=search)


@admin_required
def new() -> str:
    """The form for a new project."""
    return render_template("projects/new.html", form=NewProjectForm())


@admin_required
def create() -> ResponseReturnValue:
    """Create a project."""
    form = NewProjectForm()
    try:
        project = service.create_project(form.slug.data or "", form.name.data or "", principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return render_template("projects/new.html", form=form), 400
    flash(f"{project.name} was created, with the default settings.", "success")
    return _to_overview(project)


@member_required
def overview(project: ProjectRef) -> str:
    """What is in force, for people who may read the settings; what the others may do here."""
    held = [permission for permission in Permission if may(permission)]
    context = {"held": held, "Permission": Permission, "test_recipients": in_force(project)}
    if not may(Permission.NOTIFICATIONS_SETTINGS_READ):
        return render_template("projects/overview.html", **context)
    found, visible = queries.overview(project), visible_channels(may)
    return render_template(
        "projects/overview.html",
        overview=found,
        warnings=health.warnings(project, found.policy),
        steps=_steps(project),
        sending=health.sending(project, visible),
        trial=get_report(project),
        may_see_deliveries=bool(visible),
        **context,
    )


@admin_required
def rename_form(project_slug: str) -> str:
    """The form to rename a project."""
    project = _enter(project_slug)
    return _render_rename(project, RenameForm(name=project.name))


@admin_required
def rename(project_slug: str) -> ResponseReturnValue:
    """Rename a project."""
    project, form = _enter(project_slug), RenameForm()
    try:
        service.rename_project(project.id, form.name.data or "", principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _render_rename(project, form), 400
    flash("The name was saved.", "success")
    return _to_overview(project)


def _render_rename(project: ProjectRef, form: RenameForm) -> str:
    channels = channels_with_project_name(project.id)
    return render_template("projects/rename.html", form=form, channels=channels)


@admin_required
def confirm_archive(project_slug: str) -> str:
    """What archiving means, and how much would stop."""
    project = _enter(project_slug)
    used = {channel: health.asked_for(project, channel) for channel in Channel}
    return render_template("projects/archive.html", used=used)


@admin_required
def archive(project_slug: str) -> Response:
    """Archive a project."""
    project = _enter(project_slug)
    archive_project(project.id, principal=principal())
    flash(f"{project.name} is archived. None of its codes are sent any more. You can restore it.", "warning")
    return redirect(url_for(".index"), 303)


@admin_required
def confirm_restore(project_slug: str) -> str:
    """Ask before restoring."""
    _enter(project_slug)
    return render_template("projects/restore.html")


@admin_required
def restore(project_slug: str) -> Response:
    """Restore an archived project."""
    project = _enter(project_slug)
    service.restore_project(project.id, principal=principal())
    flash(f"{project.name} is open again.", "success")
    return _to_overview(project)


class Step(NamedTuple):
    """A step of a new project; `url` is where the reader may do it, or None."""

    title: str
    text: str
    is_done: bool
    url: str | None


def _steps(project: ProjectRef) -> list[Step]:
    """What a new project still needs, done or not; nothing once all of it is done."""
    done = checklist(project)
    if done.is_complete:
        return []

    def url(endpoint: str, is_allowed: bool) -> str | None:
        return url_for(endpoint, project_slug=project.slug) if is_allowed else None

    may_create = any(may(permissions.create) for permissions in NOTIFIER_PERMISSIONS.values()) and may(*NOTIFIERS_READ)
    may_try = may(Permission.OTP_SEND) and may(Permission.OTP_VERIFY)
    return [
        Step(
            "Add a notifier",
            "The SMS gateway or mail server that sends your messages.",
            done.has_notifier,
            url("notifiers.index", may_create),
        ),
        Step(
            "Choose it in the settings",
            "A notifier is used once the settings name it.",
            done.is_chosen,
            url("settings.page", may(Permission.NOTIFICATIONS_SETTINGS_UPDATE)),
        ),
        Step(
            "Send yourself a code",
            "Type it back to see that codes arrive.",
            done.is_proven,
            url("otp.try_form", may_try),
        ),
        Step(
            "Create an API token",
            "Your app sends and verifies codes with it.",
            done.has_token,
            url_for("tokens.new", project=project.slug) if principal().is_admin else None,
        ),
    ]


def _enter(project_slug: str) -> ProjectRef:
    """The project of an admin's page, archived or not; the page's frame shows it too."""
    project = service.find_project(project_slug)
    enter_project(project)
    return project


def _to_overview(project: ProjectRef) -> Response:
    return redirect(url_for(".overview", project_slug=project.slug), 303)
