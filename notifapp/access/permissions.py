"""All permission codes, with the original platform's numbers; our own start at 9001."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from notifapp.channels import Channel


class Permission(IntEnum):
    """A code that a member may hold in a project. Admins need none."""

    NOTIFICATIONS_SETTINGS_READ = 1036
    NOTIFICATIONS_SETTINGS_UPDATE = 1037
    SMS_NOTIFIERS_CREATE = 2811
    SMS_NOTIFIERS_READ = 2812
    SMS_NOTIFIERS_UPDATE = 2813
    EMAIL_NOTIFIERS_CREATE = 2831
    EMAIL_NOTIFIERS_READ = 2832
    EMAIL_NOTIFIERS_UPDATE = 2833
    OTP_SEND = 9001
    OTP_VERIFY = 9002
    OTP_RELEASE = 9003

    @property
    def label(self) -> str:
        """The name to show."""
        return _DESCRIPTIONS[self][0]

    @property
    def note(self) -> str:
        """What else to know before granting it, or nothing: what it needs, and what it also shows."""
        if self in NEEDS:
            needed = NEEDS[self]
            return f"Also give “{needed.label}” ({needed.value}): it opens the page."
        return _NOTES.get(self, "")

    @property
    def allows(self) -> str:
        """A sentence that says what its holder may do."""
        return _DESCRIPTIONS[self][1]


class NotifierPermissions(NamedTuple):
    """The permissions for one channel's notifiers. `update` includes enabling, disabling and deleting."""

    create: Permission
    read: Permission
    update: Permission


NOTIFIER_PERMISSIONS = {
    Channel.SMS: NotifierPermissions(
        Permission.SMS_NOTIFIERS_CREATE,
        Permission.SMS_NOTIFIERS_READ,
        Permission.SMS_NOTIFIERS_UPDATE,
    ),
    Channel.EMAIL: NotifierPermissions(
        Permission.EMAIL_NOTIFIERS_CREATE,
        Permission.EMAIL_NOTIFIERS_READ,
        Permission.EMAIL_NOTIFIERS_UPDATE,
    ),
}
NOTIFIERS_READ = tuple(permissions.read for permissions in NOTIFIER_PERMISSIONS.values())

# Each of these can be used on the pages only together with the permission to read.
NEEDS = {Permission.NOTIFICATIONS_SETTINGS_UPDATE: Permission.NOTIFICATIONS_SETTINGS_READ} | {
    permission: permissions.read
    for permissions in NOTIFIER_PERMISSIONS.values()
    for permission in (permissions.create, permissions.update)
}


class Preset(NamedTuple):
    """A usual set of permissions, to be chosen at once."""

    label: str
    about: str
    permissions: frozenset[Permission]


PRESETS = {
    "viewer": Preset(
        "Viewer",
        "sees settings and notifiers, changes nothing",
        frozenset({Permission.NOTIFICATIONS_SETTINGS_READ, *NOTIFIERS_READ}),
    ),
    "editor": Preset(
        "Editor",
        "sees and changes settings, messages and notifiers",
        frozenset(Permission) - {Permission.OTP_SEND, Permission.OTP_VERIFY, Permission.OTP_RELEASE},
    ),
    "backend": Preset(
        "Backend of a shop",
        "sends and verifies codes through the API",
        frozenset({Permission.OTP_SEND, Permission.OTP_VERIFY}),
    ),
    "everything": Preset("Everything", "all permissions", frozenset(Permission)),
}

_NOTES = {
    Permission.OTP_SEND: "Also shows the deliveries of both channels: to whom, when, and with what result. "
    "Recipients are masked. Who may read a channel's notifiers may also prove them.",
    Permission.OTP_VERIFY: "Together with “Send codes” (9001) it opens the “Try it” page.",
    Permission.OTP_RELEASE: "Opens the page “Not arrived?” for a shop's support. Releasing is for the API, which their "
    "tools call; on the pages admins do this.",
}
_DESCRIPTIONS = {
    Permission.NOTIFICATIONS_SETTINGS_READ: (
        "Read settings",
        "See the notification settings and the messages, with their history, and the alerts.",
    ),
    Permission.NOTIFICATIONS_SETTINGS_UPDATE: (
        "Update settings",
        "Choose notifiers, code length and lifetime, write the messages, restore old versions of both, and say who is "
        "told of alerts.",
    ),
    Permission.SMS_NOTIFIERS_CREATE: ("Create SMS notifiers", "Define a new SMS gateway."),
    Permission.SMS_NOTIFIERS_READ: ("Read SMS notifiers", "See the SMS gateways, without their secrets."),
    Permission.SMS_NOTIFIERS_UPDATE: (
        "Update SMS notifiers",
        "Edit, enable, disable and delete SMS gateways.",
    ),
    Permission.EMAIL_NOTIFIERS_CREATE: ("Create email notifiers", "Define a new mail server."),
    Permission.EMAIL_NOTIFIERS_READ: ("Read email notifiers", "See the mail servers, without their secrets."),
    Permission.EMAIL_NOTIFIERS_UPDATE: (
        "Update email notifiers",
        "Edit, enable, disable and delete mail servers.",
    ),
    Permission.OTP_SEND: ("Send codes", "Send one-time codes to customers."),
    Permission.OTP_VERIFY: ("Verify codes", "Check the codes that customers give back."),
    Permission.OTP_RELEASE: (
        "Release recipients",
        "Let recipients have codes again who are kept waiting or blocked after wrong codes, and see what happened to "
        "the codes of one.",
    ),
}
