"""Where a phone number is, and of which type, by the metadata of libphonenumber."""

from __future__ import annotations

from dataclasses import dataclass

import phonenumbers
from phonenumbers import PhoneNumberType

from notifapp import countries

PREFIX_DIGITS = 6
NO_COUNTRY = "001"  # what libphonenumber calls the region of +881, +979 and the like
_MOBILE = (PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE)


@dataclass(frozen=True, slots=True)
class Destination:
    """The country of a phone number, its first digits, and whether it can be a mobile phone's."""

    country: str
    prefix: str
    is_mobile: bool


def destination_of(number: str) -> Destination:
    """The destination of a valid number in E.164."""
    parsed = phonenumbers.parse(number)
    return Destination(
        phonenumbers.region_code_for_number(parsed) or NO_COUNTRY,
        number[1 : 1 + PREFIX_DIGITS],
        phonenumbers.number_type(parsed) in _MOBILE,
    )


def country_label(code: str) -> str:
    """A country's name with its calling code."""
    return countries.label(code) if code in countries.NAMES else "No country (satellite and international numbers)"
