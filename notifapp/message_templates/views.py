"""The page for a project's message templates."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from notifapp.access import Permission, ProjectRef, may, permission_required, principal, require
from notifapp.channels import Channel
from notifapp.errors import NotFound, StaleVersion, ValidationFailed
from notifapp.message_templates.forms import TemplateForm
from notifapp.message_templates.history import history, template_at
from notifapp.message_templates.rendering import validity_warning
from notifapp.message_templates.service import get_templates, previews, set_template
from notifapp.message_templates.values import Template, differences, merge, problems
from notifapp.settings.service import get_notification_settings
from notifapp.web.forms import add_errors
from notifapp.web.revisions import flash_saved

Forms = dict[Channel, TemplateForm]


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def page(project: ProjectRef) -> str:
    """The message of each channel, which holders of the settings' update permission may change."""
    return _render(project, {})


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def save(project: ProjectRef) -> ResponseReturnValue:
    """Save the message whose button was used, or preview both. What was typed for the other one is kept."""
    forms = {channel: TemplateForm(channel) for channel in Channel if f"{channel.value}-body" in request.form}
    channel = next((channel for channel in forms if request.form.get("save") == channel.value), None)
    if channel is None:
        return _preview(project, forms)
    template = forms[channel].template()
    try:
        before = set_template(
            project, channel, template, principal=principal(), expected_version=forms[channel].shown_version()
        )
    except ValidationFailed as error:
        add_errors(forms[channel], error)
        return _render(project, forms), 400
    except StaleVersion:
        return _render_conflict(project, forms, channel), 409
    return _saved(project, forms, channel, before)


def _saved(project: ProjectRef, forms: Forms, channel: Channel, before: Template) -> ResponseReturnValue:
    flash_message_saved(channel, before, forms[channel].template())
    if not may(Permission.NOTIFICATIONS_SETTINGS_READ):
        return redirect(url_for("projects.overview", project_slug=project.slug), 303)
    others = {other: form for other, form in forms.items() if other is not channel}
    if _unsaved(others, get_templates(project.id)):
        return _render(project, others)
    return redirect(url_for(".page", project_slug=project.slug), 303)


def flash_message_saved(channel: Channel, before: Template, after: Template) -> None:
    """Say on the next page what was changed in a channel's message, if anything."""
    unchanged = f"Nothing to save: the {channel.sentence} message is unchanged."
    flash_saved(f"{channel.label} message saved.", differences(before, after), unchanged=unchanged)


def _preview(project: ProjectRef, forms: Forms) -> ResponseReturnValue:
    for form in forms.values():
        add_errors(form, ValidationFailed(problems(form.template())))
    return _render(project, forms), 400 if any(form.errors for form in forms.values()) else 200


def _render_conflict(project: ProjectRef, forms: Forms, channel: Channel) -> str:
    """The typed values, the current ones where nothing was typed, and the changes made in the meantime."""
    current, form = get_templates(project.id)[channel], forms[channel]
    version = form.shown_version()
    try:
        shown = template_at(project, channel, version)
    except NotFound:
        shown = current
    form.show(merge(form.template(), shown, current))
    meanwhile = [change for change in history(project, channel, limit=10) if change.version > version]
    return _render(project, forms, conflict=(channel, meanwhile))


def _render(project: ProjectRef, posted: Forms, **more: object) -> str:
    require(Permission.NOTIFICATIONS_SETTINGS_READ)
    saved, settings = get_templates(project.id), get_notification_settings(project)
    forms = {channel: posted.get(channel) or TemplateForm(channel, template) for channel, template in saved.items()}
    unsaved = _unsaved(posted, saved)
    drafts = {channel: template for channel, template in unsaved.items() if not problems(template)}
    return render_template(
        "message_templates/page.html",
        forms=forms,
        unsaved=unsaved,
        drafts=drafts,
        settings=settings,
        previews=previews(project, length=settings.otp_code_len, ttl=settings.otp_ttl, drafts=drafts),
        warnings={channel: validity_warning(form.template(), settings.otp_ttl) for channel, form in forms.items()},
        may_update=may(Permission.NOTIFICATIONS_SETTINGS_UPDATE) and not project.archived_at,
        **more,
    )


def _unsaved(posted: Forms, saved: dict[Channel, Template]) -> dict[Channel, Template]:
    """The posted templates that differ from the saved ones."""
    typed = {channel: form.template() for channel, form in posted.items()}
    return {channel: template for channel, template in typed.items() if template != saved[channel]}
