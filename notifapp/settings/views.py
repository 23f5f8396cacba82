"""The settings page and its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from notifapp.access import NOTIFIERS_READ, Permission, ProjectRef, may, permission_required, principal, require
from notifapp.channels import Channel
from notifapp.errors import NotFound, StaleVersion, ValidationFailed
from notifapp.guards import service as guards
from notifapp.guards.service import Consequence
from notifapp.health import service as health
from notifapp.otp.preview.service import get_preview
from notifapp.otp.test_recipients.service import in_force
from notifapp.otp.trials.service import get_report
from notifapp.projects.service import set_phone_region
from notifapp.settings import service
from notifapp.settings.forms import PROOF_CHOICES, PhoneRegionForm, ProofForm, SettingsForm, as_posted, touched
from notifapp.settings.history import history as read_history
from notifapp.settings.history import settings_at
from notifapp.settings.trials.service import MINUTES, plan_trial, start_trial
from notifapp.settings.values import OTP_CODE_LEN, OTP_TTL, Settings, differences, parse
from notifapp.standby.service import as_ids, get_standby, set_standby
from notifapp.web.forms import add_errors, goes_back, is_confirmed, posted_again
from notifapp.web.revisions import flash_saved, history_page

# The question and its button, for saving and for a trial.
_QUESTIONS = ("Save these settings?", "Save anyway"), ("Try these settings?", "Try them anyway")


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def page(project: ProjectRef) -> str:
    """The form with the settings in force; read-only without the permission to update them."""
    settings = service.get_notification_settings(project)
    form = SettingsForm()
    if not form.is_kept:
        form.show(as_posted(settings), settings.version)
    return _render(project, form, settings)


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def save(project: ProjectRef) -> ResponseReturnValue:
    """Save what was changed on the form, unless the settings have changed since it was shown.

    Ask first where that has consequences. "Switch for …" saves for a while, "Show what this means" not at all.
    """
    form = SettingsForm()
    if "preview" in request.form or goes_back():
        return _render(project, form, service.get_notification_settings(project))
    changes = touched(form.posted(), _shown(project, form))
    try:
        if consequences := _unconfirmed(project, changes, form):
            return _ask(*_QUESTIONS["trial" in request.form], consequences)
        updated = _save(project, form, changes)
    except ValidationFailed as error:
        add_errors(form, error)
        return _render(project, form, service.get_notification_settings(project)), 400
    except StaleVersion:
        return _render_conflict(project, form, changes), 409
    return _saved(project, updated)


def _save(project: ProjectRef, form: SettingsForm, changes: Mapping[str, str]) -> service.Update:
    """Save the changes for good, or with the button "Switch for …" for a while."""
    about: dict[str, Any] = {
        "principal": principal(),
        "expected_version": form.shown_version(),
        "reason": form.reason.data,
    }
    if "trial" in request.form:
        return start_trial(project, {**changes, MINUTES: form.minutes.data}, **about).update
    return service.update_notification_settings(project, changes, **about)


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def save_phone_region(project: ProjectRef) -> ResponseReturnValue:
    """Save the phone region."""
    form = PhoneRegionForm()
    try:
        set_phone_region(project.id, form.phone_region.data or "", principal=principal())
    except ValidationFailed as error:
        add_errors(form, error)
        return _render_in_force(project, region_form=form), 400
    flash("Phone region saved.", "success")
    return to_page(project)


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def save_proof(project: ProjectRef) -> ResponseReturnValue:
    """Save whether only proven notifiers may be chosen."""
    form = ProofForm()
    if form.requires_proof.data not in PROOF_CHOICES:
        form.requires_proof.errors = ["Choose one from the list."]
        return _render_in_force(project, proof_form=form), 400
    requires_proof = form.requires_proof.data == "yes"
    service.set_requires_proof(project, requires_proof, principal=principal())
    flash(
        "Only proven notifiers can be chosen." if requires_proof else "All enabled notifiers can be chosen.", "success"
    )
    return to_page(project)


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def history(project: ProjectRef) -> str:
    """All revisions, newest first."""
    newest = service.get_notification_settings(project).version
    part = history_page(lambda before, limit: read_history(project, before=before, limit=limit), newest)
    return render_template("settings/history.html", page=part, newest=newest, may_update=_may_update(project))


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def confirm_restore(project: ProjectRef, version: int) -> str:
    """Show what restoring this revision would change."""
    return _render_restore(project, version, SettingsForm())


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def restore(project: ProjectRef, version: int) -> ResponseReturnValue:
    """Save an old revision's values as a new revision, by the same rules as any change."""
    form, wanted, reason = SettingsForm(), settings_at(project, version), f"Restored version {version}"
    changes = touched(as_posted(wanted), _shown(project, form))
    try:
        if consequences := _unconfirmed(project, changes, form):
            label = f"Restore version {version}"
            return _ask(f"{label}?", label, consequences, back_url=request.path)
        updated = service.update_notification_settings(
            project, changes, principal=principal(), expected_version=form.shown_version(), reason=reason
        )
        restored = set_standby(
            project,
            as_ids(wanted.standby),
            principal=principal(),
            expected_version=updated.after.version,
            reason=reason,
        )
    except ValidationFailed as error:
        add_errors(form, error)
        return _render_restore(project, version, form), 400
    except StaleVersion:
        flash("The settings have changed in the meantime. Check again what restoring will change.", "warning")
        return _render_restore(project, version, form), 409
    before, after = settings_at(project, updated.before.version), settings_at(project, restored.version)
    return _saved(project, service.Update(before, after))


def _unconfirmed(project: ProjectRef, changes: Mapping[str, str], form: SettingsForm) -> list[Consequence]:
    """What saving these changes would do, unless that was confirmed. Refuse first what can't be saved."""
    if is_confirmed():
        return []
    about: dict[str, Any] = {"expected_version": form.shown_version(), "reason": form.reason.data}
    if "trial" in request.form:
        planned = plan_trial(project, {**changes, MINUTES: form.minutes.data}, **about)
    else:
        planned = service.plan_notification_settings(project, changes, **about)
    return guards.of_settings(project, planned)


def _ask(title: str, label: str, consequences: list[Consequence], back_url: str = "") -> str:
    return render_template(
        "guards/ask.html",
        title=title,
        label=label,
        consequences=consequences,
        hidden=posted_again(),
        back_url=back_url,
    )


def _shown(project: ProjectRef, form: SettingsForm) -> Settings:
    """The settings that the form showed, or the ones in force if that is unknown."""
    try:
        return settings_at(project, form.shown_version())
    except NotFound:
        return service.get_notification_settings(project)


def _saved(project: ProjectRef, updated: service.Update) -> Response:
    changes = differences(updated.before, updated.after)
    lost = [channel for channel in Channel if updated.before.notifier(channel) and not updated.after.notifier(channel)]
    done = "Switched for a while." if "trial" in request.form else "Settings saved."
    saved = done + "".join(f" No code can be sent by {channel.sentence} now." for channel in lost)
    kind = "warning" if lost else "success"
    flash_saved(saved, changes, unchanged="You have not changed anything.", kind=kind)
    return to_page(project)


def to_page(project: ProjectRef) -> Response:
    """Go on to the settings page; those who may not read the settings, to the overview."""
    endpoint = ".page" if may(Permission.NOTIFICATIONS_SETTINGS_READ) else "projects.overview"
    return redirect(url_for(endpoint, project_slug=project.slug), 303)


def _render(project: ProjectRef, form: SettingsForm, settings: Settings, **more: object) -> str:
    require(Permission.NOTIFICATIONS_SETTINGS_READ)
    form.offer(service.notifier_choices(project, settings))
    policy = service.get_policy(project)
    more.setdefault("region_form", PhoneRegionForm(phone_region=project.phone_region))
    more.setdefault("proof_form", ProofForm(requires_proof="yes" if policy.requires_proof else ""))
    typed, errors = parse({name: form[name].data or "" for name in (OTP_CODE_LEN, OTP_TTL)})
    return render_template(
        "settings/page.html",
        form=form,
        settings=settings,
        last_change=next(iter(read_history(project, limit=1)), None),
        may_update=_may_update(project),
        may_see_notifiers=may(*NOTIFIERS_READ),
        requires_proof=policy.requires_proof,
        warnings=health.warnings(project, policy),
        standby=get_standby(project).standby,
        test_recipients=in_force(project),
        trial=get_report(project),
        preview=get_preview(project, code_len=typed.get(OTP_CODE_LEN), ttl=typed.get(OTP_TTL)),
        can_preview=not errors.messages,
        **more,
    )


def _render_in_force(project: ProjectRef, **more: object) -> str:
    """The page as it is, where another of its forms was refused."""
    settings, form = service.get_notification_settings(project), SettingsForm()
    form.show(as_posted(settings), settings.version)
    return _render(project, form, settings, **more)


def _render_conflict(project: ProjectRef, form: SettingsForm, typed: dict[str, str]) -> str:
    """The form with the typed values, the current settings otherwise, and the changes made in the meantime."""
    settings = service.get_notification_settings(project)
    newer = [change for change in read_history(project, limit=10) if change.version > form.shown_version()]
    form.show(as_posted(settings) | typed, settings.version)
    return _render(project, form, settings, meanwhile=newer)


def _render_restore(project: ProjectRef, version: int, form: SettingsForm) -> str:
    require(Permission.NOTIFICATIONS_SETTINGS_READ)
    current = settings_at(project, service.get_notification_settings(project).version)
    form.version.data = str(current.version)
    restored = settings_at(project, version)
    return render_template(
        "settings/restore.html",
        form=form,
        version=version,
        changes=differences(current, restored),
        consequences=guards.of_settings(project, service.Update(current, restored)),
    )


def _may_update(project: ProjectRef) -> bool:
    return may(Permission.NOTIFICATIONS_SETTINGS_UPDATE) and not project.archived_at
