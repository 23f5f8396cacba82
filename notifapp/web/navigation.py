"""What every page's frame shows: the main menu, the tabs of the project in hand, who is signed in."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, g, request, url_for

from notifapp.access import NOTIFIERS_READ, Permission, is_api, may

_READ_SETTINGS = Permission.NOTIFICATIONS_SETTINGS_READ


class Link(NamedTuple):
    """An item of a menu."""

    label: str
    url: str
    is_current: bool
    icon: str = ""


def init_app(app: Flask) -> None:
    """Give the templates their frame."""
    app.context_processor(_frame)


def _frame() -> dict[str, object]:
    principal = g.get("principal") if not is_api() else None
    return {
        "principal": principal,
        "project": g.get("project"),
        "main_nav": _main(is_admin=principal is not None and principal.is_admin, signed_in=principal is not None),
        "project_tabs": _tabs(g.project.slug) if principal and g.get("project") else [],
    }


def _main(*, is_admin: bool, signed_in: bool) -> list[Link]:
    items = [("Projects", "projects.index", "project")] if signed_in else []
    if is_admin:
        items += [
            ("Users", "users.index", "users"),
            ("Tokens", "tokens.index", "key"),
            ("Audit", "audit.index", "log"),
        ]
    items.append(("API", "apidocs.page", "api"))
    section = "projects" if g.get("project") else request.blueprint
    return [Link(label, url_for(endpoint), section == endpoint.split(".")[0], icon) for label, endpoint, icon in items]


def _tabs(slug: str) -> list[Link]:
    items = [("Overview", "projects.overview")]
    if may(_READ_SETTINGS):
        items += [("Settings", "settings.page"), ("History", "settings.history")]
    if may(*NOTIFIERS_READ):
        items.append(("Notifiers", "notifiers.index"))
    if may(_READ_SETTINGS):
        items.append(("Messages", "message_templates.page"))
    if may(*NOTIFIERS_READ, Permission.OTP_SEND):
        items.append(("Deliveries", "deliveries.index"))
    if may(Permission.OTP_SEND) and may(Permission.OTP_VERIFY):
        items.append(("Try it", "otp.try_form"))
    if may():  # no code opens it: for admins alone
        items.append(("Limits", "otp.limits"))
    tabs = [(label, url_for(endpoint, project_slug=slug)) for label, endpoint in items]
    # Every page of the project belongs to the tab whose address it continues; all of them continue the overview's.
    here = f"{request.script_root}{request.path}/"
    current = max((url for _, url in tabs if here.startswith(f"{url}/")), key=len, default=None)
    return [Link(label, url, url == current) for label, url in tabs]
