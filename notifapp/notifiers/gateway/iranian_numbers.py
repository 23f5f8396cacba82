"""Phone numbers in the format of Iranian gateways."""

from __future__ import annotations

# A gateway's own line, such as 10004346: digits, with or without a country code.
LINE = r"\+?[0-9]{3,15}"
LINE_ERROR = "Enter a line number: digits only."


def iran_national(number: str) -> str:
    """An E.164 number in the format that these gateways document: 0912… for Iran, 00… elsewhere."""
    if number.startswith("+98"):
        return "0" + number.removeprefix("+98")
    return "00" + number.removeprefix("+")
