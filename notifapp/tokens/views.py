"""The pages of API tokens, for admins."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from werkzeug.wrappers import Response

from notifapp.access import PRESETS, Permission, admin_required, held_secrets, principal, recent_proof_required
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
@recent_proof_required
def new() -> str:
    """The form for a new token; the query string may fill in the owner and the project."""
    owner = request.args.get("owner") or principal().email
    form = NewTokenForm(owner=owner, project=request.args.get("project"))
    return _render_new(form)


@admin_required
@recent_proof_required
def create() -> ResponseReturnValue:
    """Create a token and lead to the page that shows it once, so that reloading creates no second one."""
    form = NewTokenForm()
    try:
        token = service.create_token(
            _user_id(form.owner.data or ""),
            _project_id(form.project.data or ""),
            form.name.data or "",
            principal=principal(),
            expires_in_days=form.days(),
            codes=form.chosen(),
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return _render_new(form), 400
    held_secrets.hold(current_user.session_id, _purpose(token.id), token.token)
    return redirect(url_for(".created", token_id=token.id), 303)


@admin_required
def created(token_id: int) -> str:
    """Show a new token to the session that created it, once."""
    token = queries.get_token(token_id)
    is_shown = request.method == "GET"  # HEAD shows nothing, so it takes nothing
    text = held_secrets.take(current_user.session_id, _purpose(token_id)) if is_shown else None
    return render_template("tokens/created.html", token=token, text=text)


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


def _render_new(form: NewTokenForm) -> str:
    boxes = list(zip(form.codes, Permission, strict=True))
    return render_template("tokens/new.html", form=form, boxes=boxes, presets=PRESETS)


def _purpose(token_id: int) -> str:
    return f"token:{token_id}"


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
