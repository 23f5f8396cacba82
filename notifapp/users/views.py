"""The pages for users, for admins."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from notifapp.access import admin_required, held_secrets, principal, recent_proof_required, recent_proof_to_save
from notifapp.database import AnyRow
from notifapp.errors import ValidationFailed
from notifapp.users import queries, service
from notifapp.users.forms import UserForm
from notifapp.web import paging
from notifapp.web.forms import add_errors


@admin_required
def index() -> str:
    """All users, or those that match the search."""
    search = paging.search_text()
    page = paging.page(queries.list_users(search, paging.requested()))
    return render_template("users/index.html", page=page, search=search)


@admin_required
@recent_proof_required
def create() -> ResponseReturnValue:
    """Create a user, and lead to the page that shows, once, the link that sets the first password."""
    form = UserForm()
    if not form.is_submitted():
        return render_template("users/new.html", form=form)
    try:
        user_id = service.create_user(
            form.email.data or "", form.name.data or "", is_admin=form.is_admin.data, principal=principal()
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return render_template("users/new.html", form=form), error.status
    return _new_link(user_id, is_new=True)


@admin_required
@recent_proof_to_save
def edit(user_id: int) -> ResponseReturnValue:
    """One user: the account and the memberships."""
    user = queries.get_user(user_id)
    form = UserForm(obj=user)
    if not form.is_submitted():
        return _page(user, form)
    try:
        service.update_user(
            user_id,
            name=form.name.data or "",
            email=form.email.data or "",
            is_admin=form.is_admin.data,
            principal=principal(),
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return _page(user, form), error.status
    flash("The account is saved.", "success")
    return to_user(user_id)


@admin_required
def deactivate(user_id: int) -> ResponseReturnValue:
    """Deactivate a user, after confirmation."""
    user = queries.get_user(user_id)
    if request.method != "POST":
        return render_template("users/deactivate.html", user=user)
    service.deactivate_user(user_id, principal=principal())
    flash(f"{user.name} is deactivated and signed out everywhere.", "success")
    return to_user(user_id)


@admin_required
def reactivate(user_id: int) -> ResponseReturnValue:
    """Reactivate a user, after confirmation."""
    user = queries.get_user(user_id)
    if request.method != "POST":
        return render_template("users/reactivate.html", user=user)
    service.reactivate_user(user_id, principal=principal())
    flash(f"{user.name} is active again.", "success")
    return to_user(user_id)


@admin_required
@recent_proof_required
def password_link(user_id: int) -> ResponseReturnValue:
    """Create a link that sets this user's password, after confirmation, and lead to the page that shows it once."""
    if request.method != "POST":
        return render_template("users/password_link.html", user=queries.get_user(user_id))
    return _new_link(user_id)


@admin_required
def show_link(user_id: int) -> str:
    """Show a new link to the session that made it, once."""
    user = queries.get_user(user_id)
    is_shown = request.method == "GET"  # HEAD shows nothing, so it takes nothing
    held = (held_secrets.take(current_user.session_id, _purpose(user_id)) if is_shown else None) or {}
    link = url_for("account.password_link", key=held["key"], _external=True) if held else None
    return render_template("users/new_link.html", user=user, link=link, is_new=held.get("is_new"))


def to_user(user_id: int) -> ResponseReturnValue:
    """Lead back to a user's page."""
    return redirect(url_for(".edit", user_id=user_id), 303)


def _new_link(user_id: int, *, is_new: bool = False) -> ResponseReturnValue:
    key = service.create_password_link(user_id, principal=principal())
    held_secrets.hold(current_user.session_id, _purpose(user_id), {"key": key, "is_new": is_new})
    return redirect(url_for(".show_link", user_id=user_id), 303)


def _purpose(user_id: int) -> str:
    return f"password-link:{user_id}"


def _page(user: AnyRow, form: UserForm) -> str:
    part, memberships = queries.list_memberships(user.id, paging.requested())
    return render_template(
        "users/edit.html",
        user=user,
        form=form,
        page=paging.page(part, memberships),
        offered=queries.find_projects(user.id, ""),
    )
