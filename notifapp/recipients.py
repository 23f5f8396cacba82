"""Recipients in one form: phone numbers as E.164, email addresses normalised; and masked for people's eyes."""

from __future__ import annotations

from notifapp import inputs
from notifapp.channels import Channel
from notifapp.errors import ValidationFailed


def normalise(channel: Channel, recipient: str, *, phone_region: str | None) -> str:
    """The recipient in its one form. Raise `ValidationFailed` on `recipient`.

    `phone_region` (such as "IR") is what a number without + is read in; without one such a number is refused.
    """
    try:
        if channel is Channel.SMS:
            return inputs.phone_number(recipient, phone_region)
        # The local part is lower-cased too: two spellings of one mailbox must not have two sets of limits.
        return inputs.email_address(recipient).lower()
    except ValueError as error:
        raise ValidationFailed({"recipient": [str(error)]}) from None


def mask(channel: Channel, recipient: str) -> str:
    """Enough for its owner to know it by, too little for others: +98•••••••67, a•••@example.org."""
    if channel is Channel.EMAIL:
        name, _, domain = recipient.rpartition("@")
        return f"{name[:1]}•••@{domain}"
    return recipient[:3] + "•" * max(len(recipient) - 5, 3) + recipient[-2:]
