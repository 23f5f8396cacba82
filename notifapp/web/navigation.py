"""The frame of every page: the main menu, the tabs of the current project, and who is signed in."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, request, url_for

from notifapp.access import NOTIFIERS_READ, Access, Permission, Principal, current_access, is_api, may

_READ_SETTINGS = Permission.NOTIFICATIONS_SETTINGS_READ


class Link(NamedTuple):
    """An item of a menu."""

    label: str
    url: str
    is_current: bool
    icon: str = ""


def init_app(app: Flask) -> None:
    """Make the frame's variables available to all templates."""
    app.context_processor(_frame)


def _frame() -> dict[str, object]:
    access = current_access() if not is_api() else Access()
    principal, project = access.principal, access.project
    return {
        "principal": principal,
        "project": project,
        "main_nav": _main(principal, section="projects" if project else request.blueprint),
        "project_tabs": _tabs(project.slug) if principal and project else [],
    }


def _main(principal: Principal | None, *, section: str | None) -> list[Link]:
    items = [("Projects", "projects.index", "project")] if principal else []
    if principal and principal.is_admin:
        items += [
            ("Users", "users.index", "users"),
            ("Tokens", "tokens.index", "key"),
            ("Audit", "audit.index", "log"),
        ]
    items.append(("API", "apidocs.page", "api"))
    return [Link(label, url_for(endpoint), section == endpoint.split(".")[0], icon) for label, endpoint, icon in items]


def _tabs(slug: str) -> list[Link]:
    items = [("Overview", "projects.overview")]
    if may(_READ_SETTINGS):
        items += [("Settings", "settings.page"), ("History", "settings.history")]
    if may(*NOTIFIERS_READ):
        items.append(("Notifiers", "notifiers.index"))
    if may(_READ_SETTINGS):
        items += [("Messages", "message_templates.page"), ("Alerts", "alerts.page")]
    if may(*NOTIFIERS_READ, Permission.OTP_SEND):
        items.append(("Deliveries", "deliveries.index"))
    if may(Permission.OTP_SEND) and may(Permission.OTP_VERIFY):
        items.append(("Try it", "otp.try_form"))
    if may(Permission.OTP_RELEASE):
        items.append(("Not arrived?", "timeline.ask"))
    if may():  # admins only
        items += [("Events", "events.index"), ("Limits", "otp.limits"), ("Members", "users.members")]
    tabs = [(label, url_for(endpoint, project_slug=slug)) for label, endpoint in items]
    # A page belongs to the tab with the longest matching URL prefix; the overview's matches every page.
    here = f"{request.script_root}{request.path}/"
    current = max((url for _, url in tabs if here.startswith(f"{url}/")), key=len, default=None)
    return [Link(label, url, url == current) for label, url in tabs]
