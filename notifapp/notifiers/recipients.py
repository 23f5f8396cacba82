"""Recipients in one form: phone numbers as E.164, email addresses normalised; and masked for people's eyes."""

from __future__ import annotations

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from notifapp.errors import ValidationFailed
from notifapp.notifiers.channels import Channel


def normalise(channel: Channel, recipient: str, *, phone_region: str | None) -> str:
    """The recipient in its one form. Raise `ValidationFailed` on `recipient`.

    `phone_region` (such as "IR") is what a number without + is read in; without one such a number is refused.
    """
    return _phone(recipient, phone_region) if channel is Channel.SMS else _email(recipient)


def mask(channel: Channel, recipient: str) -> str:
    """Enough for its owner to know it by, too little for others: +98•••••••67, a•••@example.org."""
    if channel is Channel.EMAIL:
        name, _, domain = recipient.rpartition("@")
        return f"{name[:1]}•••@{domain}"
    return recipient[:3] + "•" * max(len(recipient) - 5, 3) + recipient[-2:]


def _phone(text: str, region: str | None) -> str:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise _invalid(_phone_hint(region)) from None
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise _invalid(_phone_hint(region))
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _phone_hint(region: str | None) -> str:
    hint = "Enter a valid phone number, such as +989121234567."
    return hint if region else f"{hint} It must begin with + and the country's code."


def _email(text: str) -> str:
    try:
        # The local part is lower-cased too: two spellings of one mailbox must not have two sets of limits.
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise _invalid("Enter a valid email address.") from None


def _invalid(message: str) -> ValidationFailed:
    return ValidationFailed({"recipient": [message]})
