"""The pages for a user's memberships, for admins."""

from __future__ import annotations

from collections.abc import Iterable

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from notifapp.access import (
    NEEDS,
    PRESETS,
    Permission,
    ProjectRef,
    admin_required,
    principal,
    project_admin_required,
    recent_proof_required,
)
from notifapp.errors import NotFound, ValidationFailed
from notifapp.projects.service import find_project
from notifapp.users import queries, service
from notifapp.users.forms import MembershipForm
from notifapp.web import paging
from notifapp.web.forms import add_errors

TO_MEMBERS = "members"  # `back` in the query string: return to the project's members


@admin_required
def choose_project(user_id: int) -> ResponseReturnValue:
    """Find the project to add a user to; a complete slug leads straight to the permissions there."""
    user = queries.get_user(user_id)
    search = paging.search_text()
    try:
        slug = find_project(search).slug
    except NotFound:
        found = queries.find_projects(user_id, search)
        return render_template("users/memberships/choose_project.html", user=user, search=search, found=found)
    return redirect(url_for(".membership", user_id=user_id, slug=slug))


@admin_required
@recent_proof_required
def membership(user_id: int, slug: str) -> ResponseReturnValue:
    """The permission codes that a user holds in a project; saving them adds the user to it if necessary."""
    project = find_project(slug)
    place = queries.get_place(user_id, project)
    form = MembershipForm(codes=place.codes)
    if not form.validate_on_submit():
        page = _matrix(user_id, place, form)
        return (page, ValidationFailed.status) if form.is_submitted() else page
    try:
        service.set_membership(user_id, project.id, form.chosen(), principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _matrix(user_id, place, form), error.status
    flash(f"The permissions in {project.name} are saved.", "success")
    for permission, needed in _unusable(form.chosen()):
        flash(
            f"“{permission.label}” ({permission.value}) works only through the API: to open the page it also takes "
            f"“{needed.label}” ({needed.value}).",
            "warning",
        )
    return _back(user_id, project)


@admin_required
@recent_proof_required
def remove_membership(user_id: int, slug: str) -> ResponseReturnValue:
    """Remove a user from a project, after confirmation."""
    user, project = queries.get_user(user_id), find_project(slug)
    if request.method != "POST":
        _require_member(queries.get_place(user_id, project))
        back_url = _back_url(user_id, project)
        return render_template("users/memberships/remove.html", user=user, membership_of=project, back_url=back_url)
    service.remove_membership(user_id, project.id, principal=principal())
    flash(f"{user.name} is no longer a member of {project.name}.", "success")
    return _back(user_id, project)


@project_admin_required
def members(project: ProjectRef) -> str:
    """Who may do what in a project."""
    part, found = queries.list_members(project, paging.requested())
    return render_template(
        "users/memberships/members.html", page=paging.page(part, found), admins=queries.list_admins()
    )


@project_admin_required
def choose_user(project: ProjectRef) -> ResponseReturnValue:
    """Find the person to add to a project; a complete email address leads straight to the permissions."""
    search = paging.search_text()
    try:
        user_id = service.find_user(search)
    except NotFound:
        found = queries.find_people(project, search)
        return render_template("users/memberships/choose_user.html", search=search, found=found)
    return redirect(url_for(".membership", user_id=user_id, slug=project.slug, back=TO_MEMBERS))


def _back(user_id: int, project: ProjectRef) -> ResponseReturnValue:
    """Lead back to the project's members, if the request came from there, or else to the user's page."""
    return redirect(_back_url(user_id, project), 303)


def _back_url(user_id: int, project: ProjectRef) -> str:
    if request.args.get("back") == TO_MEMBERS:
        return url_for(".members", project_slug=project.slug)
    return url_for(".edit", user_id=user_id)


def _unusable(codes: Iterable[int]) -> list[tuple[Permission, Permission]]:
    """The granted permissions that lack the one they need on the pages, each with the latter."""
    granted = set(codes)
    return [
        (permission, needed) for permission, needed in NEEDS.items() if permission in granted and needed not in granted
    ]


def _require_member(place: queries.Place) -> None:
    if not place.is_member:
        raise NotFound("This user is not a member of the project.")


def _matrix(user_id: int, place: queries.Place, form: MembershipForm) -> str:
    rows = list(zip(form.codes, Permission, strict=True))
    user = queries.get_user(user_id)
    back_url = _back_url(user_id, place.project)
    return render_template(
        "users/memberships/edit.html",
        user=user,
        place=place,
        form=form,
        rows=rows,
        presets=PRESETS,
        back_url=back_url,
    )
