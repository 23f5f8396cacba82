"""Deny by default: every view declares who may call it, and no view runs before its caller is checked.

Under `/api/` the caller is identified only by the `Authorization: Token` header, elsewhere only by the session. The API
ignores cookies, so CSRF can't attack it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, TypeVar, cast

from flask import Flask, Request, current_app, g
from flask.globals import request_ctx
from flask_login import current_user
from sqlalchemy import bindparam, select
from werkzeug.exceptions import HTTPException

from notifapp.access import authentication, last_uses
from notifapp.access.models import Membership, MembershipPermission, Project
from notifapp.access.permissions import NOTIFIER_PERMISSIONS, Permission
from notifapp.access.principal import Principal, ProjectArchived, ProjectRef, Source
from notifapp.access.sessions import MAX_ADDRESS_LENGTH, is_api_path
from notifapp.channels import Channel
from notifapp.config import WhoNeeds
from notifapp.database import Statement, reading, table_of
from notifapp.errors import (
    DomainError,
    ErrorCode,
    Forbidden,
    NotFound,
    ProofRequired,
    SecondFactorDue,
    Unauthenticated,
)
from notifapp.extensions import csrf

P = ParamSpec("P")
R = TypeVar("R")
Check = Callable[["Access", dict[str, Any]], None]

_JSON_RANGES = frozenset({"*/*", "application/*", "application/json"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_UNSAFE_METHODS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_project, _member, _held = table_of(Project).c, table_of(Membership).c, table_of(MembershipPermission).c
_PROJECT_OF_PAGE = Statement(
    select(
        _project.id,
        _project.slug,
        _project.name,
        _project.archived_at,
        _project.phone_region,
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
    """The `Accept` header excludes JSON."""

    status = 406
    detail = "Could not satisfy the request Accept header."
    code = ErrorCode.NOT_ACCEPTABLE


@dataclass(slots=True)
class Access:
    """The request's caller and project, once they are known."""

    principal: Principal | None = None
    project: ProjectRef | None = None
    codes: frozenset[int] = frozenset()
    token: authentication.TokenCaller | None = None


def init_app(app: Flask) -> None:
    """Before any view runs, identify the caller and refuse endpoints without a declaration."""
    app.view_functions["static"] = public(cast("Callable[..., Any]", app.view_functions["static"]))
    app.before_request(_guard)


def permission_required(*permissions: Permission) -> Callable[[Callable[P, R]], Callable[..., R]]:
    """Allow holders of one of `permissions` in the project, and admins; pass `project` to the view.

    In the API the project is the token's, on a page the one in the path. Raise `Unauthenticated`, `Forbidden`, or
    `NotFound` for a project that the caller isn't a member of.
    """

    def check(access: Access, view_args: dict[str, Any]) -> None:
        _enter_project(access, view_args)
        _require(access, permissions)

    return _declare(check)


def notifier_permission_required(
    kind: Literal["create", "read", "update"],
) -> Callable[[Callable[P, R]], Callable[..., R]]:
    """Allow holders of this kind of permission for the path's channel, and admins.

    Pass `project` and `channel` to the view. Raise what `permission_required` raises.
    """

    def check(access: Access, view_args: dict[str, Any]) -> None:
        _enter_project(access, view_args)
        view_args["channel"] = channel = Channel(view_args["channel"])
        _require(access, (getattr(NOTIFIER_PERMISSIONS[channel], kind),))

    return _declare(check)


def project_admin_required(view: Callable[P, R]) -> Callable[..., R]:
    """Allow only admins, on a page of a project; pass `project` to the view."""

    def check(access: Access, view_args: dict[str, Any]) -> None:
        _enter_project(access, view_args)
        _require(access, ())

    return _declare(check)(view)


def member_required(view: Callable[P, R]) -> Callable[..., R]:
    """Allow admins and every member of the project, with or without codes; pass `project` to the view."""
    return _declare(_enter_project)(view)


def admin_required(view: Callable[P, R]) -> Callable[..., R]:
    """Allow only admins."""

    def check(access: Access, _view_args: dict[str, Any]) -> None:
        if not _principal(access).is_admin:
            raise Forbidden

    return _declare(check)(view)


def sign_in_required(view: Callable[P, R]) -> Callable[..., R]:
    """Allow everybody who is signed in."""

    def check(access: Access, _view_args: dict[str, Any]) -> None:
        _principal(access)

    return _declare(check)(view)


def public(view: Callable[P, R]) -> Callable[..., R]:
    """Allow everybody."""
    return open_without_second_factor(_declare(lambda _access, _view_args: None)(view))


def gateway_hook(view: Callable[P, R]) -> Callable[..., R]:
    """Allow everybody, for requests of programs that prove by other means who they are.

    There is no session, and so no form to protect against being sent from elsewhere.
    """
    hook = public(view)
    hook.is_gateway_hook = True  # type: ignore[attr-defined]
    return hook


def recent_proof_required(view: Callable[P, R]) -> Callable[P, R]:
    """Raise `ProofRequired` if the password or a passkey was last given more than ten minutes ago.

    It stands next to the declaration of who may call, which is checked first.
    """
    view.needs_proof_for = frozenset({*_SAFE_METHODS, *_UNSAFE_METHODS})  # type: ignore[attr-defined]
    return view


def recent_proof_to_save(view: Callable[P, R]) -> Callable[P, R]:
    """The same for what changes something; looking at the page needs no proof."""
    view.needs_proof_for = _UNSAFE_METHODS  # type: ignore[attr-defined]
    return view


def open_without_second_factor(view: Callable[P, R]) -> Callable[P, R]:
    """Let people in who have yet to set up the second factor that they need."""
    view.is_open_without_second_factor = True  # type: ignore[attr-defined]
    return view


def require(*permissions: Permission) -> None:
    """Raise `Forbidden` unless the caller holds one of `permissions` in the current project, or is an admin."""
    _require(g.access, permissions)


def may(*permissions: Permission) -> bool:
    """Whether the caller holds one of `permissions` in the current project, or is an admin."""
    return _may(g.access, permissions)


def principal() -> Principal:
    """The caller. Raise `Unauthenticated` if there is none."""
    return _principal(g.access)


def current_access() -> Access:
    """The current request's caller and project; empty before they are known and outside a request."""
    return cast(Access, g.get("access")) or Access()


def enter_project(project: ProjectRef) -> None:
    """Show this project in the page's frame, for admin pages that look the project up themselves."""
    g.access.project = project


def is_api() -> bool:
    """Whether this request is for the JSON API, which accepts only tokens and always responds with JSON."""
    return is_api_path(request_ctx.request.path)


def declared_check(endpoint: str | None) -> Check | None:
    """The declaration of an endpoint's view, or None."""
    return cast("Check | None", getattr(current_app.view_functions.get(endpoint or ""), "access_check", None))


def is_gateway_hook(endpoint: str | None) -> bool:
    """Whether this endpoint is for programs that have neither a session nor a token."""
    return getattr(current_app.view_functions.get(endpoint or ""), "is_gateway_hook", False)


def needs_proof(endpoint: str | None, method: str) -> bool:
    """Whether this endpoint needs a recent proof for requests of this method."""
    return method in getattr(current_app.view_functions.get(endpoint or ""), "needs_proof_for", ())


def needs_second_factor(endpoint: str | None) -> bool:
    """Whether this endpoint is closed to those who have yet to set up the second factor that they need."""
    return not getattr(current_app.view_functions.get(endpoint or ""), "is_open_without_second_factor", False)


def is_second_factor_due() -> bool:
    """Whether the signed-in user needs a second factor and has none."""
    who: WhoNeeds = current_app.config["NOTIFAPP"].require_second_factor
    is_needed = who is WhoNeeds.ALL or (who is WhoNeeds.ADMINS and current_user.is_admin)
    return is_needed and not current_user.has_second_factor


def _declare(check: Check) -> Callable[[Callable[P, R]], Callable[..., R]]:
    """Run `check` before each call of the view. It may add to the view's arguments."""

    def decorate(view: Callable[P, R]) -> Callable[..., R]:
        @wraps(view)
        def guarded(**view_args: Any) -> R:
            check(g.access, view_args)
            request = request_ctx.request
            if needs_proof(request.endpoint, request.method) and not current_user.has_recent_proof:
                raise ProofRequired
            return view(**view_args)  # type: ignore[call-arg]

        guarded.access_check = check  # type: ignore[attr-defined]
        return guarded

    return decorate


def _guard() -> None:
    """Find out who is signed in, and refuse views without a declaration. Tokens are looked up when first needed."""
    g.access = access = Access()
    request = request_ctx.request
    endpoint = request.endpoint
    if is_api_path(request.path):
        if endpoint is None or request.method == "OPTIONS":
            _check_methods_of_path(request)
    elif endpoint != "static" and not is_gateway_hook(endpoint):
        csrf.protect()
        access.principal = _signed_in(request)
        if access.principal and endpoint and needs_second_factor(endpoint) and is_second_factor_due():
            raise SecondFactorDue
    if endpoint is not None and declared_check(endpoint) is None:
        raise Forbidden


def _signed_in(request: Request) -> Principal | None:
    if not current_user.is_authenticated:
        return None
    address = (request.remote_addr or "")[:MAX_ADDRESS_LENGTH] or None
    if address != current_user.address or last_uses.is_due(current_user.used_at):
        last_uses.notes().note_session(current_user.session_id, address)
    return Principal(
        source=Source.PAGE,
        email=current_user.email,
        name=current_user.name,
        is_admin=current_user.is_admin,
        user_id=current_user.user_id,
        address=address,
        time_zone=current_user.time_zone,
    )


def _check_methods_of_path(request: Request) -> None:
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
                return check(g.access, dict(view_args))
        except (Unauthenticated, Forbidden) as error:
            failures.append(error)
    if failures:
        raise failures[0]


def _principal(access: Access) -> Principal:
    if access.principal is None:
        request = request_ctx.request
        if not is_api_path(request.path):
            raise Unauthenticated
        _authenticate(access, request)
    return cast(Principal, access.principal)


def _may(access: Access, permissions: tuple[Permission, ...]) -> bool:
    return _principal(access).is_admin or not access.codes.isdisjoint(permissions)


def _require(access: Access, permissions: tuple[Permission, ...]) -> None:
    if not _may(access, permissions):
        raise Forbidden


def _authenticate(access: Access, request: Request) -> None:
    accept = request.headers.get("Accept", "*/*")
    if accept != "*/*" and _JSON_RANGES.isdisjoint(
        media_range.split(";")[0].strip().lower() for media_range in accept.split(",")
    ):
        raise NotAcceptable
    token = authentication.token_of(request.headers.get("Authorization"))
    access.token = found = authentication.authenticate(token, address=request.remote_addr)
    access.principal = found.principal
    if found.is_use_due:
        last_uses.notes().note_token(found.principal.token_id or 0)


def _enter_project(access: Access, view_args: dict[str, Any]) -> None:
    """Find the project, which the caller must be a member of, and pass it to the view."""
    caller = _principal(access)
    slug: str = view_args.pop("project_slug", "")
    if access.token is not None:
        access.project, access.codes = access.token.project, access.token.codes
    else:
        access.project, access.codes = _project_of_page(slug, caller)
        if access.project.archived_at and request_ctx.request.method not in _SAFE_METHODS:
            raise ProjectArchived
    view_args["project"] = access.project


def _project_of_page(slug: str, caller: Principal) -> tuple[ProjectRef, frozenset[int]]:
    if "\0" in slug:  # PostgreSQL refuses it
        raise NotFound
    with reading() as connection:
        rows = _PROJECT_OF_PAGE.all(connection, slug=slug, user_id=caller.user_id)
    if not rows or not (caller.is_admin or (rows[0].member and not rows[0].archived_at)):
        raise NotFound
    first = rows[0]
    codes = frozenset(row.code for row in rows if row.code is not None)
    return ProjectRef(first.id, first.slug, first.name, first.archived_at, first.phone_region), codes
