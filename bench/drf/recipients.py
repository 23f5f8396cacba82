"""Recipients in one form, and masked."""

from __future__ import annotations

import phonenumbers
from email_validator import EmailNotValidError, validate_email
from rest_framework.serializers import ValidationError

PHONE_HINT = "Enter a valid phone number, such as +989121234567."


def normalise(channel: str, recipient: str, phone_region: str | None) -> str:
    """The number as E.164, or the address normalised in lower case. Raise `ValidationError` on `recipient`."""
    return _phone(recipient, phone_region) if channel == "sms" else _email(recipient)


def counted_as(channel: str, recipient: str) -> str:
    """The address that limits are counted under: one for all spellings of one mailbox."""
    if channel == "sms":
        return recipient
    name, _, domain = recipient.rpartition("@")
    name = name.partition("+")[0] or name
    if domain in ("gmail.com", "googlemail.com"):
        name, domain = name.replace(".", ""), "gmail.com"
    return f"{name}@{domain}"


def mask(channel: str, recipient: str) -> str:
    """Enough for its owner to know it by, too little for others."""
    if channel == "email":
        name, _, domain = recipient.rpartition("@")
        return f"{name[:1]}•••@{domain}"
    return recipient[:3] + "•" * max(len(recipient) - 5, 3) + recipient[-2:]


def _phone(text: str, region: str | None) -> str:
    hint = PHONE_HINT if region else f"{PHONE_HINT} It must begin with + and the country's code."
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise ValidationError({"recipient": [hint]}) from None
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise ValidationError({"recipient": [hint]})
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _email(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise ValidationError({"recipient": ["Enter a valid email address."]}) from None
