"""Which permission codes each channel's notifiers need."""

from __future__ import annotations

from typing import NamedTuple

from notifapp.access import Permission
from notifapp.notifiers.channels import Channel


class Codes(NamedTuple):
    """The codes of one channel. `update` also stands for enabling, disabling and deleting."""

    create: Permission
    read: Permission
    update: Permission


CODES = {
    Channel.SMS: Codes(
        Permission.SMS_NOTIFIERS_CREATE,
        Permission.SMS_NOTIFIERS_READ,
        Permission.SMS_NOTIFIERS_UPDATE,
    ),
    Channel.EMAIL: Codes(
        Permission.EMAIL_NOTIFIERS_CREATE,
        Permission.EMAIL_NOTIFIERS_READ,
        Permission.EMAIL_NOTIFIERS_UPDATE,
    ),
}
