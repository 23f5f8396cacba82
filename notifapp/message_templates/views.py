"""The page for a project's message templates."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, ProjectRef, may, permission_required, principal, require
from notifapp.channels import Channel
from notifapp.errors import ValidationFailed
from notifapp.message_templates.forms import TemplateForm
from notifapp.message_templates.service import Template, get_templates, previews, problems, set_template
from notifapp.settings.service import get_notification_settings
from notifapp.web.forms import add_errors


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def page(project: ProjectRef) -> str:
    """The message of each channel, which holders of the settings' update permission may change."""
    return _render(project)


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def save(project: ProjectRef, channel: str) -> ResponseReturnValue:
    """Save a channel's message, or show its preview if that button was used."""
    of = Channel(channel)
    form = TemplateForm(prefix=f"{channel}-")
    template = form.template()
    try:
        if errors := problems(template):
            raise ValidationFailed(errors)
        if "preview" in request.form:
            return _render(project, {of: form}, {of: template})
        set_template(project, of, template, principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _render(project, {of: form}), 400
    flash(f"{of.label} message saved.", "success")
    endpoint = ".page" if may(Permission.NOTIFICATIONS_SETTINGS_READ) else "projects.overview"
    return redirect(url_for(endpoint, project_slug=project.slug), 303)


def _render(
    project: ProjectRef,
    posted: dict[Channel, TemplateForm] | None = None,
    drafts: dict[Channel, Template] | None = None,
) -> str:
    require(Permission.NOTIFICATIONS_SETTINGS_READ)
    saved = {channel: _form(channel, template) for channel, template in get_templates(project.id).items()}
    settings = get_notification_settings(project)
    return render_template(
        "message_templates/page.html",
        forms=saved | (posted or {}),
        drafts=drafts or {},
        settings=settings,
        previews=previews(project, length=settings.otp_code_len, ttl=settings.otp_ttl, drafts=drafts),
        may_update=may(Permission.NOTIFICATIONS_SETTINGS_UPDATE) and not project.archived_at,
    )


def _form(channel: Channel, template: Template) -> TemplateForm:
    form = TemplateForm(formdata=None, prefix=f"{channel.value}-")
    if not form.is_kept:
        form.show(template)
    return form
