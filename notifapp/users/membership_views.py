"""The pages for a user's memberships, for admins."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, admin_required, principal
from notifapp.errors import NotFound, ValidationFailed
from notifapp.projects.service import find_project
from notifapp.users import queries, service
from notifapp.users.forms import MembershipForm
from notifapp.users.views import to_user
from notifapp.web import paging
from notifapp.web.forms import add_errors


@admin_required
def choose_project(user_id: int) -> ResponseReturnValue:
    """Find the project to add a user to; a complete slug leads straight to the permissions there."""
    user = queries.get_user(user_id)
    search = paging.search_text()
    try:
        slug = find_project(search).slug
    except NotFound:
        found = queries.find_projects(user_id, search)
        return render_template("users/choose_project.html", user=user, search=search, found=found)
    return redirect(url_for(".membership", user_id=user_id, slug=slug))


@admin_required
def membership(user_id: int, slug: str) -> ResponseReturnValue:
    """The permission codes that a user holds in a project; saving them adds the user to it if necessary."""
    project = find_project(slug)
    place = queries.get_place(user_id, project)
    form = MembershipForm(codes=place.codes)
    if not form.validate_on_submit():
        page = _matrix(user_id, place, form)
        return (page, ValidationFailed.status) if form.is_submitted() else page
    try:
        service.set_membership(user_id, project.id, form.codes.data or [], principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _matrix(user_id, place, form), error.status
    flash(f"The permissions in {project.name} are saved.", "success")
    return to_user(user_id)


@admin_required
def remove_membership(user_id: int, slug: str) -> ResponseReturnValue:
    """Remove a user from a project, after confirmation."""
    user, project = queries.get_user(user_id), find_project(slug)
    if request.method != "POST":
        _require_member(queries.get_place(user_id, project))
        return render_template("users/remove_membership.html", user=user, membership_of=project)
    service.remove_membership(user_id, project.id, principal=principal())
    flash(f"{user.name} is no longer a member of {project.name}.", "success")
    return to_user(user_id)


def _require_member(place: queries.Place) -> None:
    if not place.is_member:
        raise NotFound("This user is not a member of the project.")


def _matrix(user_id: int, place: queries.Place, form: MembershipForm) -> str:
    rows = list(zip(form.codes, Permission, strict=True))
    user = queries.get_user(user_id)
    return render_template("users/membership.html", user=user, place=place, form=form, rows=rows)
