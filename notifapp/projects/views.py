"""The pages of projects."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import (
    Permission,
    ProjectRef,
    admin_required,
    enter_project,
    may,
    member_required,
    principal,
    sign_in_required,
)
from notifapp.errors import ValidationFailed
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
    """The settings in force, if the caller may read them, and what the caller may do here."""
    may_read = may(Permission.NOTIFICATIONS_SETTINGS_READ)
    return render_template(
        "projects/overview.html",
        overview=queries.overview(project) if may_read else None,
        held=[permission for permission in Permission if may(permission)],
        Permission=Permission,
    )


@admin_required
def rename_form(project_slug: str) -> str:
    """The form to rename a project."""
    project = _enter(project_slug)
    return render_template("projects/rename.html", form=RenameForm(name=project.name))


@admin_required
def rename(project_slug: str) -> ResponseReturnValue:
    """Rename a project."""
    project, form = _enter(project_slug), RenameForm()
    try:
        service.rename_project(project.id, form.name.data or "", principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return render_template("projects/rename.html", form=form), 400
    flash("The name was saved.", "success")
    return _to_overview(project)


@admin_required
def confirm_archive(project_slug: str) -> str:
    """Ask before archiving."""
    _enter(project_slug)
    return render_template("projects/archive.html")


@admin_required
def archive(project_slug: str) -> Response:
    """Archive a project."""
    project = _enter(project_slug)
    service.archive_project(project.id, principal=principal())
    flash(f"{project.name} is archived. You can restore it whenever you like.", "success")
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


def _enter(project_slug: str) -> ProjectRef:
    """The project of an admin's page, archived or not; the page's frame shows it too."""
    project = service.find_project(project_slug)
    enter_project(project)
    return project


def _to_overview(project: ProjectRef) -> Response:
    return redirect(url_for(".overview", project_slug=project.slug), 303)
