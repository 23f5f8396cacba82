"""`/api/settings/notifications/trial`: a change that goes back by itself unless it is kept."""

from __future__ import annotations

from flask import Response

from notifapp import clock
from notifapp.access import Permission, ProjectRef, permission_required, principal
from notifapp.errors import NotFound
from notifapp.otp.trials.service import Counts, Progress, Report, get_report
from notifapp.settings import api, service
from notifapp.settings.trials import service as trials
from notifapp.settings.trials.service import Trial
from notifapp.web.json_api import expected_version, json_response, read_fields

PATH = f"{api.PATH}/trial"
KEEP_PATH, REVERT_PATH = f"{PATH}/keep", f"{PATH}/revert"


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def start_trial(project: ProjectRef) -> Response:
    """Change the supplied fields for a while; the ETag is that of the settings then."""
    started = trials.start_trial(project, read_fields(), principal=principal(), expected_version=_expected(project))
    return json_response(body(started.trial), status=201, tag=api.tag(started.update.after))


@permission_required(Permission.NOTIFICATIONS_SETTINGS_READ)
def read_trial(project: ProjectRef) -> Response:
    """The trial, and how it goes."""
    report = get_report(project)
    if report is None:
        raise NotFound
    return json_response(report_body(report))


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def keep_trial(project: ProjectRef) -> Response:
    """Let what is tried stay."""
    trials.keep_trial(project, principal=principal(), expected_version=_expected(project))
    return api.respond(service.get_notification_settings(project))


@permission_required(Permission.NOTIFICATIONS_SETTINGS_UPDATE)
def revert_trial(project: ProjectRef) -> Response:
    """Change back what is tried."""
    return api.respond(trials.revert_trial(project, principal=principal(), expected_version=_expected(project)))


def body(trial: Trial) -> dict[str, object]:
    """A trial as JSON."""
    return {"version": trial.version, "reverts_at": clock.iso(trial.reverts_at), "reverts_to": trial.reverts_to}


def report_body(report: Report) -> dict[str, object]:
    """A trial and how it goes, as JSON."""
    return {
        **body(report.trial),
        "is_enough": report.is_enough,
        "progress": [_progress(each) for each in report.progress],
        "stuck": [channel.value for channel in report.stuck],
    }


def _progress(progress: Progress) -> dict[str, object]:
    return {
        "channel": progress.channel and progress.channel.value,
        "during": _counts(progress.during),
        "before": _counts(progress.before),
    }


def _counts(counts: Counts) -> dict[str, int]:
    return {"asked_for": counts.asked_for, "sent": counts.sent, "verified": counts.verified}


def _expected(project: ProjectRef) -> int | None:
    return expected_version(lambda: service.get_notification_settings(project).version)
