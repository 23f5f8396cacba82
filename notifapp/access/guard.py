"""Deny by default: every view declares who may call it, and nothing runs before the caller is known.

Under `/api/` only the `Authorization: Token` header says who calls, elsewhere only the signed-in session. A cookie is
worth nothing at the API, so CSRF has nothing to attack there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar, cast

from flask import Flask, current_app, g, request
from flask_login import current_user
from sqlalchemy import bindparam, select
from werkzeug.exceptions import HTTPException

from notifapp.access import authentication, token_uses
from notifapp.access.models import Membership, MembershipPermission, Project
from notifapp.access.permissions import NOTIFIER_PERMISSIONS, Permission
from notifapp.access.principal import Principal, ProjectArchived, ProjectRef, Source
from notifapp.channels import Channel
from notifapp.database import Statement, reading, table_of
from notifapp.errors import DomainError, Forbidden, NotFound, Unauthenticated
from notifapp.extensions import csrf

P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[[dict[str, Any]], None]

_JSON_RANGES = frozenset({"*/*", "application/*", "application/json"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_project, _member, _held = table_of(Project).c, table_of(Membership).c, table_of(MembershipPermission).c
_PROJECT_OF_PAGE = Statement(
    select(
        _project.id,
        _project.slug,
        _project.name,
        _project.archived_at,
        _member.user_id.label("member"),
        _held.code,
    )
    .select_from(table_of(Project))
    .outerjoin(table_of(Membership), (_member.project_id == _project.id) & (_member.user_id == bindparam("user_id")))
    .outerjoin(
        table_of(MembershipPermission),
        (_held.project_id == _member.project_id) & (_held.user_id == _member.user_id),
    )
    .where(_project.slug == bindparam("slug"))
)


class NotAcceptable(DomainError):
    """The Accept header leaves out everything that can be answered."""

    status = 406
    detail = "Could not satisfy the request Accept header."


def init_app(app: Flask) -> None:
    """Identify every request's caller, and refuse endpoints that declare nothing, before any view runs."""
    app.view_functions["static"] = public(cast("Callable[..., Any]", app.view_functions["static"]))
    app.before_request(_identify)
    app.before_request(_deny_undeclared)


def permission_required(*permissions: Permission) -> Callable[[Callable[P, R]], Callable[..., R]]:
    """Let in holders of one of `permissions` in the project, and admins; the view gets that `project`.

    The project is the token's at the API and the one that the path names on a page. Raise `Unauthenticated`,
    `Forbidden`, or `NotFound` for a project of which the caller is not a member.
    """

    def check(view_args: dict[str, Any]) -> None:
        principal()
        _enter_project(view_args.pop("project_slug", None))
        require(*permissions)

    return _declare(check, gives_project=True)


def notifier_permission_required(
    kind: Literal["create", "read", "update"],
) -> Callable[[Callable[P, R]], Callable[..., R]]:
    """Let in holders of this kind of permission for the channel that the path names, and admins.

    The view gets `project` and `channel`. Raise as `permission_required` does.
    """

    def check(view_args: dict[str, Any]) -> None:
        principal()
        _enter_project(view_args.pop("project_slug", None))
        view_args["channel"] = channel = Channel(view_args["channel"])
        require(getattr(NOTIFIER_PERMISSIONS[channel], kind))

    return _declare(check, gives_project=True)


def project_admin_required(view: Callable[P, R]) -> Callable[..., R]:
    """Let in admins only, to a page of a project; the view gets that `project`."""

    def check(view_args: dict[str, Any]) -> None:
        principal()
        _enter_project(view_args.pop("project_slug", None))
        if not principal().is_admin:
            raise Forbidden

    return _declare(check, gives_project=True)(view)


def member_required(view: Callable[P, R]) -> Callable[..., R]:
    """Let in every member of the project, whatever their codes, and admins; the view gets that `project`."""

    def check(view_args: dict[str, Any]) -> None:
        principal()
        _enter_project(view_args.pop("project_slug", None))

    return _declare(check, gives_project=True)(view)


def admin_required(view: Callable[P, R]) -> Callable[..., R]:
    """Let in admins only."""

    def check(_view_args: dict[str, Any]) -> None:
        if not principal().is_admin:
            raise Forbidden

    return _declare(check)(view)


def sign_in_required(view: Callable[P, R]) -> Callable[..., R]:
    """Let in everybody who is signed in."""

    def check(_view_args: dict[str, Any]) -> None:
        principal()

    return _declare(check)(view)


def public(view: Callable[P, R]) -> Callable[..., R]:
    """Let in everybody."""
    return _declare(lambda _view_args: None)(view)


def require(*permissions: Permission) -> None:
    """Raise `Forbidden` unless the caller holds one of `permissions` in the current project, or is an admin."""
    if not may(*permissions):
        raise Forbidden


def may(*permissions: Permission) -> bool:
    """Whether the caller holds one of `permissions` in the current project, or is an admin."""
    return principal().is_admin or not g.codes.isdisjoint(permissions)


def principal() -> Principal:
    """Who is calling. Raise `Unauthenticated` when nobody is."""
    caller: Principal | None = g.principal
    if caller is None and is_api():
        caller = _authenticate()
    if caller is None:
        raise Unauthenticated
    return caller


def is_api() -> bool:
    """Whether this request is for the JSON API, where only tokens count and every response is JSON."""
    return request.path.startswith("/api/")


def declared_check(endpoint: str | None) -> Check | None:
    """The declaration of an endpoint's view, or None where it has none."""
    return cast("Check | None", getattr(current_app.view_functions.get(endpoint or ""), "access_check", None))


def _declare(check: Check, *, gives_project: bool = False) -> Callable[[Callable[P, R]], Callable[..., R]]:
    def decorate(view: Callable[P, R]) -> Callable[..., R]:
        @wraps(view)
        def guarded(**view_args: Any) -> R:
            check(view_args)
            if gives_project:
                view_args["project"] = g.project
            return view(**view_args)  # type: ignore[call-arg]

        guarded.access_check = check  # type: ignore[attr-defined]
        return guarded

    return decorate


def _identify() -> None:
    g.principal = g.project = g.token = None
    g.codes = frozenset()
    if not is_api() and request.endpoint != "static":
        csrf.protect()
        if current_user.is_authenticated:
            g.principal = Principal(
                source=Source.PAGE,
                email=current_user.email,
                name=current_user.name,
                is_admin=current_user.is_admin,
                user_id=current_user.user_id,
                address=request.remote_addr,
            )


def _deny_undeclared() -> None:
    endpoint = request.endpoint
    if (endpoint is None or request.method == "OPTIONS") and is_api():
        _check_methods_of_path()
    if endpoint is not None and declared_check(endpoint) is None:
        raise Forbidden


def _check_methods_of_path() -> None:
    """Check 401 and 403 before 405, so that a caller without access learns no methods."""
    adapter = current_app.create_url_adapter(request)
    failures: list[Exception] = []
    for method in adapter.allowed_methods() if adapter else ():
        try:
            endpoint, view_args = adapter.match(method=method)  # type: ignore[union-attr]
        except HTTPException:
            continue
        try:
            check = declared_check(endpoint)
            if check is not None:
                return check(dict(view_args))
        except (Unauthenticated, Forbidden) as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _authenticate() -> Principal:
    accept = request.headers.get("Accept", "*/*")
    if accept != "*/*" and _JSON_RANGES.isdisjoint(
        media_range.split(";")[0].strip().lower() for media_range in accept.split(",")
    ):
        raise NotAcceptable
    token = authentication.token_of(request.headers.get("Authorization"))
    g.token = found = authentication.authenticate(token, address=request.remote_addr)
    g.principal = found.principal
    if found.is_use_due:
        token_uses.note(found.principal.token_id or 0)
    return found.principal


def _enter_project(slug: str | None) -> None:
    token: authentication.TokenCaller | None = g.token
    if token is not None:
        g.project, g.codes = token.project, token.codes
    else:
        g.project, g.codes = _project_of_page(slug or "", cast(Principal, g.principal))
        if g.project.archived_at and request.method not in _SAFE_METHODS:
            raise ProjectArchived


def _project_of_page(slug: str, caller: Principal) -> tuple[ProjectRef, frozenset[int]]:
    if "\0" in slug:  # no text of PostgreSQL holds it
        raise NotFound
    with reading() as connection:
        rows = _PROJECT_OF_PAGE.all(connection, slug=slug, user_id=caller.user_id)
    if not rows or not (caller.is_admin or (rows[0].member and not rows[0].archived_at)):
        raise NotFound
    first = rows[0]
    codes = frozenset(row.code for row in rows if row.code is not None)
    return ProjectRef(first.id, first.slug, first.name, first.archived_at), codes
