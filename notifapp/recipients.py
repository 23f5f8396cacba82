"""Recipients, normalised (phone numbers as E.164, email addresses in lower case) and masked for display."""

from __future__ import annotations

from notifapp import inputs
from notifapp.channels import Channel
from notifapp.errors import ValidationFailed

_GMAIL = ("gmail.com", "googlemail.com")


def normalise(channel: Channel, recipient: str, *, phone_region: str | None) -> str:
    """The normalised recipient. Raise `ValidationFailed` on `recipient`.

    A phone number without + is read as one of `phone_region`, such as "IR", and refused if that is None.
    """
    try:
        if channel is Channel.SMS:
            return inputs.phone_number(recipient, phone_region)
        # The local part is lower-cased too: two spellings of one mailbox must share its limits.
        return inputs.email_address(recipient).lower()
    except ValueError as error:
        raise ValidationFailed({"recipient": [str(error)]}) from None


def counted_as(channel: Channel, recipient: str) -> str:
    """The address that a normalised recipient's limits are counted under: one for all spellings of one mailbox.

    Most providers deliver `name+tag` to `name`, and Gmail ignores the dots in a name too. Messages go to the address as
    it was given.
    """
    if channel is not Channel.EMAIL:
        return recipient
    name, _, domain = recipient.rpartition("@")
    name = name.partition("+")[0] or name
    if domain in _GMAIL:
        name, domain = name.replace(".", ""), _GMAIL[0]
    return f"{name}@{domain}"


def mask(channel: Channel, recipient: str) -> str:
    """The recipient masked so that only its owner recognises it: +98•••••••67, a•••@example.org."""
    if channel is Channel.EMAIL:
        name, _, domain = recipient.rpartition("@")
        return f"{name[:1]}•••@{domain}"
    return recipient[:3] + "•" * max(len(recipient) - 5, 3) + recipient[-2:]
