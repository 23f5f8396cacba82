"""The input rules: turn a form's or JSON's raw values into clean ones, or raise a `ValueError` that says what to enter.

Values and messages are those of Django REST Framework's fields (the contract's "Input rules"; tests/contract/ compares
the two), with other words for pages where needed. `whole_number` and `display_name` serve only pages and commands and
have their own.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import phonenumbers
from email_validator import EmailNotValidError, validate_email

from notifapp.errors import FieldMessage, ValidationFailed

MAX_NAME_LENGTH = 120  # characters; the columns are as wide

_MAX_DIGITS = 1000
_TRAILING_ZEROS = re.compile(r"\.0*\s*$")
TRUE = ("t", "y", "yes", "true", "on", "1")
FALSE = ("f", "n", "no", "false", "off", "0")
_SURROGATE = re.compile("[\ud800-\udfff]")
# Control characters, line and paragraph separators. Joiners (Cf) stay: Persian needs them.
_LINE_BREAKS = frozenset({"Cc", "Zl", "Zp"})
_PHONE_SEPARATORS = re.compile(r"[\s().\-]")
LINE_NUMBER = r"\+(?:[1-9][0-9]{4,14}|98[A-Za-z]{2,12})"


class FieldErrors:
    """Collects the messages of all failing fields, to report them together."""

    def __init__(self) -> None:
        self.messages: dict[str, list[str]] = {}

    @contextmanager
    def of(self, field: str) -> Iterator[None]:
        """Record the block's `ValueError` under `field`, or its `ValidationFailed` under its own fields."""
        try:
            yield
        except ValueError as error:
            message = error.args[0] if error.args else ""
            self.messages[field] = [message if isinstance(message, FieldMessage) else str(error)]
        except ValidationFailed as failed:
            self.messages.update(failed.errors)

    def raise_any(self) -> None:
        """Raise `ValidationFailed` if any field failed."""
        if self.messages:
            raise ValidationFailed(self.messages)


def required(fields: Mapping[str, object], name: str) -> object:
    """The raw value of a required field."""
    if name not in fields:
        raise ValueError("This field is required.")
    return fields[name]


def integer(value: object, *, least: int | None = None, most: int | None = None) -> int:
    """A whole number within these bounds; may be text, in any script's digits, with zeros after its decimal point."""
    not_null(value)
    on_page = "Enter a whole number." if least is None or most is None else _between(least, most)
    if isinstance(value, str) and len(value) > _MAX_DIGITS:
        raise ValueError(FieldMessage("String value too large.", on_page=on_page))
    try:
        number = int(_TRAILING_ZEROS.sub("", str(value)))
    except ValueError:
        raise ValueError(FieldMessage("A valid integer is required.", on_page=on_page)) from None
    if most is not None and number > most:
        raise ValueError(FieldMessage(f"Ensure this value is less than or equal to {most}.", on_page=on_page))
    if least is not None and number < least:
        raise ValueError(FieldMessage(f"Ensure this value is greater than or equal to {least}.", on_page=on_page))
    return number


def whole_number(value: object, least: int, most: int) -> int:
    """The same, with a message for people: "Enter a whole number from 4 to 10."."""
    try:
        return integer(value, least=least, most=most)
    except ValueError:
        raise ValueError(_between(least, most)) from None


def primary_key(value: object) -> int | None:
    """A row's id, which may be text; null and blank mean None."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            pass
    elif isinstance(value, int) and not isinstance(value, bool):
        return value
    message = f"Incorrect type. Expected pk value, received {type(value).__name__}."
    raise ValueError(FieldMessage(message, on_page="Choose one from the list."))


def boolean(value: object) -> bool:
    """True or false, which may be one of the usual words."""
    not_null(value)
    word = str(value).lower() if isinstance(value, str | int) else ""
    if word not in TRUE + FALSE:
        raise ValueError("Must be a valid boolean.")
    return word in TRUE


def choice(value: object, choices: Collection[str], *, hint: str = "") -> str:
    """One of `choices`; `hint` is appended to the error message."""
    not_null(value)
    if not isinstance(value, str) or value not in choices:
        message = f'"{printable(str(value))}" is not a valid choice.{hint}'
        raise ValueError(FieldMessage(message, on_page="Choose one from the list."))
    return value


def text(value: object, *, max_length: int, may_be_blank: bool = False) -> str:
    """A text of at most `max_length` storable characters, without leading and trailing white space."""
    not_null(value)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("Not a valid string.")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("Not a valid string.")
    stripped = str(value).strip()
    if not stripped and not may_be_blank:
        raise ValueError(FieldMessage("This field may not be blank.", on_page="Fill in this field."))
    if "\0" in stripped:
        raise ValueError("Null characters are not allowed.")
    if surrogate := _SURROGATE.search(stripped):
        raise ValueError(f"Surrogate characters are not allowed: U+{ord(surrogate[0]):X}.")
    if len(stripped) > max_length:
        raise ValueError(too_long(max_length))
    return stripped


def too_long(max_length: int) -> FieldMessage:
    """The message for a text of more than `max_length` characters."""
    message = f"Ensure this field has no more than {max_length} characters."
    return FieldMessage(message, on_page=f"Use at most {max_length} characters.")


def line(value: object, *, max_length: int, may_be_blank: bool = False) -> str:
    """A text on one line."""
    found = text(value, max_length=max_length, may_be_blank=may_be_blank)
    if has_line_breaks(found):
        message = "Line breaks and control characters are not allowed."
        raise ValueError(FieldMessage(message, on_page="Use no line breaks or control characters."))
    return found


def display_name(value: str) -> str:
    """The name of a user, a project or a token."""
    name = value.strip()
    if not name:
        raise ValueError("Enter a name.")
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(f"Use at most {MAX_NAME_LENGTH} characters.")
    if has_line_breaks(name) or _SURROGATE.search(name):
        raise ValueError("Use no line breaks or control characters.")
    return name


def email_address(value: str, *, ascii_only: bool = False) -> str:
    """An email address, normalised; no DNS query is made."""
    try:
        return validate_email(value, check_deliverability=False, allow_smtputf8=not ascii_only).normalized
    except EmailNotValidError:
        raise ValueError("Enter a valid email address.") from None


def account_email(value: str) -> str:
    """The address of an account, normalised: ASCII before the @, in lower case."""
    try:
        return email_address(value.strip(), ascii_only=True).lower()
    except ValueError:
        raise ValueError("Enter an email address like name@example.com.") from None


def phone_number(value: str, region: str | None) -> str:
    """A subscriber's number as E.164. Without a + it is read as a number of `region`, such as "IR", if one is given."""
    hint = "Enter a valid phone number, such as +989121234567."
    if region is None:
        hint += " It must begin with + and the country's code."
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        raise ValueError(hint) from None
    if not phonenumbers.is_valid_number(number) or number.extension:
        raise ValueError(hint)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def line_number(value: str) -> str:
    """A gateway's own line with its country code. Lines may be shorter than subscribers' numbers.

    IPPanel has lines with a name, too: +98PRO.
    """
    line = ascii_digits(_PHONE_SEPARATORS.sub("", value))
    if not re.fullmatch(LINE_NUMBER, line):
        raise ValueError("Enter a number with its country code, such as +983000505.")
    return line.upper()


def not_null(value: object) -> None:
    """Refuse null."""
    if value is None:
        raise ValueError("This field may not be null.")


def has_line_breaks(value: str) -> bool:
    """Whether a text contains line breaks or other control characters."""
    return any(unicodedata.category(character) in _LINE_BREAKS for character in value)


def ascii_digits(value: str) -> str:
    """The text with all decimal digits, such as Persian or Arabic-Indic ones, converted to ASCII."""
    return "".join(str(unicodedata.decimal(character, character)) for character in value)


def printable(value: str) -> str:
    """The text with lone surrogates replaced: JSON can contain them, but UTF-8 responses can't."""
    return value.encode(errors="replace").decode()


def _between(least: int, most: int) -> str:
    return f"Enter a whole number from {least} to {most if most < 100_000 else f'{most:,}'}."
