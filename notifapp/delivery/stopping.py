"""What stops messages that wait: archiving their project, and disabling or deleting their notifier.

Each is done together with giving the messages up, in one transaction. A message that is being sent may finish, but is
not tried again (notifiers/sending.py).
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, update
from sqlalchemy.engine import Connection

from notifapp import clock
from notifapp.access import Principal, ProjectRef
from notifapp.breakers import service as breakers
from notifapp.channels import Channel
from notifapp.database import table_of, writing
from notifapp.delivery.models import Delivery, DeliveryStatus
from notifapp.delivery.service import TOLD, tell_failed
from notifapp.notifiers import service as notifiers
from notifapp.notifiers.sending import DELETED, DISABLED, PROJECT_ARCHIVED, Stopped
from notifapp.notifiers.service import NotifierDetails
from notifapp.projects import service as projects

_delivery = table_of(Delivery).c


def archive_project(project_id: int, *, principal: Principal) -> None:
    """Archive a project and give up what is queued in it. Raise `Conflict` if it was archived, and `NotFound`."""
    with writing() as connection:
        projects.archive(connection, project_id, principal=principal)
        _give_up(connection, _delivery.project_id == project_id, PROJECT_ARCHIVED)


def disable_notifier(
    project: ProjectRef, channel: Channel, notifier_id: int, *, principal: Principal
) -> NotifierDetails:
    """Disable a notifier and give up what is queued for it. Raise `NotFound`."""
    with writing() as connection:
        notifiers.lock(connection, project, channel, notifier_id)
        notifiers.disable(connection, project, channel, notifier_id, principal=principal)
        _give_up(connection, _delivery.notifier_id == notifier_id, DISABLED)
        breakers.forget(connection, notifier_id)
    return notifiers.get_notifier(project, channel, notifier_id)


def delete_notifier(project: ProjectRef, channel: Channel, notifier_id: int, *, principal: Principal) -> str:
    """Delete a notifier, give up what is queued for it, and return its name.

    Raise `NotFound`, or `Conflict` if the settings use it.
    """
    with writing() as connection:
        notifiers.lock(connection, project, channel, notifier_id)
        _give_up(connection, _delivery.notifier_id == notifier_id, DELETED)  # first, or they forget whose they were
        name = notifiers.delete(connection, project, channel, notifier_id, principal=principal)
        breakers.forget(connection, notifier_id)  # last, as workers write deliveries before they note results
    return name


def _give_up(connection: Connection, which: ColumnElement[bool], reason: str) -> None:
    failed = connection.execute(
        update(table_of(Delivery))
        .where(which, _delivery.status == DeliveryStatus.QUEUED.value)
        .values(
            status=DeliveryStatus.FAILED.value,
            payload=None,
            finished_at=clock.now(),
            error_code=Stopped.CODE,
            error_reason=reason,
        )
        .returning(*TOLD)
    )
    tell_failed(connection, failed.all())
