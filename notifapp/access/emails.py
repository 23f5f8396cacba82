"""Email addresses in the one form in which they are kept and looked up."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email


def normalise(address: str) -> str:
    """The address lower-cased and normalised. Raise `ValueError` with a message for people if it is none."""
    try:
        # No DNS query, and nothing but ASCII before the @: what every mail server takes.
        return validate_email(address.strip(), check_deliverability=False, allow_smtputf8=False).normalized.lower()
    except EmailNotValidError:
        raise ValueError("Enter an email address like name@example.com.") from None
