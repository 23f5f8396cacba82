"""The pages of API tokens, for admins."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import admin_required, principal
from notifapp.errors import NotFound, ValidationFailed
from notifapp.projects.service import find_project
from notifapp.tokens import queries, service
from notifapp.tokens.forms import NewTokenForm, TokenFilterForm
from notifapp.users.service import find_user
from notifapp.web import paging
from notifapp.web.forms import add_errors

NOBODY = 0  # no id of a user or a project: the service refuses it with the right words


@admin_required
def index() -> ResponseReturnValue:
    """All tokens that match the filters, newest first."""
    form = TokenFilterForm()
    filters = form.filters()
    if form.errors:
        return render_template("tokens/index.html", form=form, page=paging.Page()), 400
    page = paging.page(queries.list_tokens(filters, paging.requested()))
    return render_template("tokens/index.html", form=form, page=page)


@admin_required
def new() -> str:
    """The form for a new token; the query string may fill in the owner and the project."""
    form = NewTokenForm(owner=request.args.get("owner"), project=request.args.get("project"))
    return render_template("tokens/new.html", form=form)


@admin_required
def create() -> ResponseReturnValue:
    """Create a token and show it once, directly in the response, so that no redirect, cache or history contains it."""
    form = NewTokenForm()
    try:
        token = service.create_token(
            _user_id(form.owner.data or ""),
            _project_id(form.project.data or ""),
            form.name.data or "",
            principal=principal(),
            expires_in_days=form.days(),
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return render_template("tokens/new.html", form=form), 400
    return render_template("tokens/created.html", new=token, token=queries.get_token(token.id)), 201


@admin_required
def confirm_revoke(token_id: int) -> str:
    """Ask before revoking."""
    return render_template("tokens/revoke.html", token=queries.get_token(token_id))


@admin_required
def revoke(token_id: int) -> Response:
    """Revoke a token."""
    service.revoke_token(token_id, principal=principal())
    flash("The token was revoked. It is refused from now on.", "success")
    return redirect(url_for(".index"), 303)


def _user_id(email: str) -> int:
    try:
        return find_user(email)
    except NotFound:
        return NOBODY


def _project_id(slug: str) -> int:
    try:
        return find_project(slug.strip()).id
    except NotFound:
        return NOBODY
