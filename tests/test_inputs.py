"""One table of cases for the input rules: those of the settings, a notifier's settings, the codes' endpoints.

That they are Django REST Framework's is held in tests/contract/, request by request.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from notifapp import inputs

NULL = "This field may not be null."
NOT_AN_INTEGER = "A valid integer is required."
NOT_A_STRING = "Not a valid string."


def integer(value: object) -> int:
    return inputs.integer(value, least=4, most=10)


def text(value: object) -> str:
    return inputs.text(value, max_length=5)


def line(value: object) -> str:
    return inputs.line(value, max_length=5)


def choice(value: object) -> str:
    return inputs.choice(value, ["sms", "email"])


def whole_number(value: object) -> int:
    return inputs.whole_number(value, 4, 10)


TAKEN: list[tuple[Callable[[Any], Any], object, object]] = [
    (integer, 6, 6),
    (integer, "6", 6),
    (integer, " 6 ", 6),
    (integer, 6.0, 6),
    (integer, "6.000", 6),
    (integer, "+6", 6),
    (integer, "۶", 6),
    (integer, "٦", 6),
    (inputs.integer, "0" * 999 + "6", 6),
    (inputs.integer, 10**30, 10**30),
    (inputs.integer, "-0", 0),
    (inputs.primary_key, None, None),
    (inputs.primary_key, "", None),
    (inputs.primary_key, "1", 1),
    (inputs.primary_key, 10**30, 10**30),
    (inputs.boolean, True, True),
    (inputs.boolean, "ON", True),
    (inputs.boolean, 0, False),
    (inputs.boolean, "no", False),
    (choice, "sms", "sms"),
    (text, "  abc ", "abc"),
    (text, 12, "12"),
    (text, 1.5, "1.5"),
    (text, "a\nb", "a\nb"),
    (text, "سلام", "سلام"),
    (line, "a\u200cb", "a\u200cb"),
    (whole_number, "۱۰", 10),
    (whole_number, "4.0", 4),
    (inputs.display_name, "  نادیا\u200cرحیمی ", "نادیا\u200cرحیمی"),
    (inputs.email_address, "A.b@Example.COM", "A.b@example.com"),
    (inputs.account_email, " A.b@Example.COM ", "a.b@example.com"),
    (inputs.line_number, "+98 (3000) 505", "+983000505"),
    (inputs.line_number, "+۹۸۳۰۰۰۵۰۵", "+983000505"),
    (inputs.ascii_digits, "۱٢3", "123"),
]
NO_INTEGERS: list[object] = [True, False, "", " ", "x", 6.5, "6.5", "1e1", [6], {}, "\0", "\ud800"]
NO_KEYS: list[object] = [True, 1.0, "x", [1], {}, "1.0"]
NO_BOOLEANS: list[object] = ["", "maybe", 2, 1.0, [True], {}]
NO_CHOICES: list[object] = ["fax", "", 7, {}, [], True]
NO_STRINGS: list[object] = [True, [], {}, math.nan, math.inf]
REFUSED: list[tuple[Callable[[Any], Any], object, str]] = [
    *((rule, None, NULL) for rule in (integer, inputs.boolean, choice, text, line)),
    *((integer, value, NOT_AN_INTEGER)
      for value in NO_INTEGERS),
    (integer, 3, "Ensure this value is greater than or equal to 4."),
    (integer, "11", "Ensure this value is less than or equal to 10."),
    (integer, "9" * 20, "Ensure this value is less than or equal to 10."),
    (integer, -(10**30), "Ensure this value is greater than or equal to 4."),
    (integer, "0" * 1001, "String value too large."),
    *((inputs.primary_key, value, f"Incorrect type. Expected pk value, received {type(value).__name__}.")
      for value in NO_KEYS),
    *((inputs.boolean, value, "Must be a valid boolean.") for value in NO_BOOLEANS),
    *((choice, value, f'"{value}" is not a valid choice.') for value in NO_CHOICES),
    (choice, "\ud800", '"?" is not a valid choice.'),
    *((rule, value, NOT_A_STRING) for rule in (text, line) for value in NO_STRINGS),
    *((rule, value, "This field may not be blank.") for rule in (text, line) for value in ("", "  ", "\t\n")),
    *((rule, "abcdef", "Ensure this field has no more than 5 characters.") for rule in (text, line)),
    *((rule, "a\0b", "Null characters are not allowed.") for rule in (text, line)),
    *((rule, "a\ud800", "Surrogate characters are not allowed: U+D800.") for rule in (text, line)),
    *((line, value, "Line breaks and control characters are not allowed.") for value in ("a\nb", "a\x1bb", "a\u2028b")),
    *((whole_number, value, "Enter a whole number from 4 to 10.")
      for value in (None, "", "x", "3", "11", 4.5, "9" * 2000)),
    (inputs.display_name, "  ", "Enter a name."),
    (inputs.display_name, "x" * 121, "Use at most 120 characters."),
    *((inputs.display_name, value, "Use no line breaks or control characters.")
      for value in ("a\nb", "a\ud800b", "a\0b")),
    *((inputs.email_address, value, "Enter a valid email address.") for value in ("", "a", "a@b", "a b@example.com")),
    *((inputs.account_email, value, "Enter an email address like name@example.com.")
      for value in ("a", "é@example.com")),
    *((inputs.line_number, value, "Enter a number with its country code, such as +983000505.")
      for value in ("3000505", "+0123456", "+98", "+98x")),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "value", "expected"), TAKEN)
def test_what_is_taken(rule: Callable[[Any], Any], value: object, expected: object) -> None:
    assert rule(value) == expected


@pytest.mark.parametrize(("rule", "value", "message"), REFUSED)
def test_what_is_refused_says_what_would_be_right(rule: Callable[[Any], Any], value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        rule(value)


@pytest.mark.parametrize(
    ("number", "region", "expected"),
    [
        ("+98 912 123 4567", None, "+989121234567"),
        ("09121234567", "IR", "+989121234567"),
        ("۰۹۱۲۱۲۳۴۵۶۷", "IR", "+989121234567"),
        ("00989121234567", "IR", "+989121234567"),
        ("+14155552671", "IR", "+14155552671"),
    ],
)
def test_phone_numbers_become_e164(number: str, region: str | None, expected: str) -> None:
    assert inputs.phone_number(number, region) == expected


@pytest.mark.parametrize(
    ("number", "region"),
    [("09121234567", None), ("123", "IR"), ("+98", "IR"), ("", "IR"), ("+989121234567 ext. 5", None), ("x", None)],
)
def test_what_is_no_phone_number_is_refused(number: str, region: str | None) -> None:
    with pytest.raises(ValueError, match="Enter a valid phone number"):
        inputs.phone_number(number, region)


def test_every_failing_field_is_reported_at_once() -> None:
    errors = inputs.FieldErrors()
    with errors.of("one"):
        integer("x")
    with errors.of("two"):
        inputs.required({}, "two")
    with errors.of("three"):
        text("fine")
    assert errors.messages == {"one": [NOT_AN_INTEGER], "two": ["This field is required."]}
