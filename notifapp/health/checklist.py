"""What a new project still needs before its first customer can sign in."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, select

from notifapp.access import ProjectRef
from notifapp.access.models import ApiToken
from notifapp.database import reading, table_of
from notifapp.notifiers.models import Notifier
from notifapp.otp.models import OtpChallenge
from notifapp.settings.models import NotificationSettings

_notifier, _token = table_of(Notifier).c, table_of(ApiToken).c
_settings, _challenge = table_of(NotificationSettings).c, table_of(OtpChallenge).c


@dataclass(frozen=True, slots=True)
class Checklist:
    """The steps from an empty project to a working one, in order, and which are done."""

    has_notifier: bool
    is_chosen: bool
    is_proven: bool
    has_token: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.has_notifier and self.is_chosen and self.is_proven and self.has_token


def checklist(project: ProjectRef) -> Checklist:
    """How far this project has come; it is proven once a code was verified that was really sent."""
    chosen = _settings.sms_notifier_id.is_not(None) | _settings.email_notifier_id.is_not(None)
    steps: list[ColumnElement[bool]] = [
        exists().where(_notifier.project_id == project.id),
        exists().where(_settings.project_id == project.id, chosen),
        exists().where(
            _challenge.project_id == project.id, _challenge.approved_at.is_not(None), _challenge.unsettled > 0
        ),
        exists().where(_token.project_id == project.id, _token.revoked_at.is_(None)),
    ]
    with reading() as connection:
        return Checklist(*map(bool, connection.execute(select(*steps)).one()))
