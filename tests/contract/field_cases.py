"""What a field can be given: as JSON, each value in each kind of field; as a form, as a multipart body."""

from __future__ import annotations

from collections.abc import Iterator

from tests.contract.side import (
    DISABLED_EMAIL,
    DISABLED_SMS,
    EMAIL,
    FOREIGN_EMAIL,
    FOREIGN_SMS,
    OTHER_EMAIL,
    OTHER_SMS,
    SMS,
    Case,
)

SMS_FIELD, EMAIL_FIELD = "notifications_sms_notifier", "notifications_email_notifier"
LENGTH, LIFETIME = "notifications_otp_code_len", "notifications_otp_ttl"

# As JSON texts, since some of them no Python value could stand for.
NUMBERS = (
    *("6", "4", "10", "3", "11", "0", "-1", "-6", "30", "29", "3600", "3601", "5", "120"),
    *("6.0", "6.5", "6.00", "-0", "-0.0", "6e0", "6e1", "60e-1", "1e2", "1e16", "1e400", "-1e400", "1E+1"),
    *("2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "9" * 100, "9" * 4300, "9" * 4301),
    *(
        '"6"',
        '" 6 "',
        '"6\\n"',
        '"+6"',
        '"-6"',
        '"06"',
        '"0006"',
        '"6.0"',
        '"6."',
        '"6.00 "',
        '"6.5"',
        '"6e0"',
        '"0x6"',
    ),
    *('"1_0"', '"_6"', '"6_"', '"1__0"', '"\\u0666"', '"\\u06f6"', '"\\uff16"', '"\\u00b2"', '"six"', '"6 6"', '"6,0"'),
    *('""', '" "', '"\\u0000"', '"6\\u0000"', '"null"', '"true"', '"NaN"', '"inf"', '"\\ud800"', '"\\u200b6"'),
    *(f'"{"0" * 999}6"', f'"{"0" * 1000}6"', f'"{"x" * 5000}"', f'"{"9" * 4301}"'),
    *("true", "false", "null", "[]", "[6]", "{}", '{"id": 6}', '{"a": [{"b": null}]}', "[[]]"),
)
IDS = (
    *map(str, (SMS, EMAIL, OTHER_SMS, OTHER_EMAIL, DISABLED_SMS, DISABLED_EMAIL, FOREIGN_SMS, FOREIGN_EMAIL)),
    *("99", "0", "-1", "-0", "2147483648", "9223372036854775808", "-9223372036854775809", "9" * 100, "9" * 4300),
    *(
        '"1"',
        '" 3 "',
        '"+3"',
        '"03"',
        '"0_3"',
        '"3.0"',
        '"3e0"',
        '"\\u0663"',
        '"\\uff13"',
        '"99"',
        '"-1"',
        '"0"',
        '" 99 "',
    ),
    *(
        '""',
        '" "',
        '"None"',
        '"null"',
        '"x"',
        '"\\u0000"',
        '"3\\u0000"',
        '"\\ud800"',
        '"3 3"',
        '"sms_one"',
        f'"{"9" * 100}"',
    ),
    *(f'"{"9" * 4301}"', f'"{"x" * 5000}"', '"9223372036854775808"'),
    *("true", "false", "null", "[]", "[3]", "{}", '{"id": 3}', '{"pk": 3}'),
)
FLOAT_IDS = ("3.0", "3.5", "1e0", "-0.0", "1e400", "99.0")
WHOLE_BODIES = {
    "nothing to change": b"{}",
    "the same again": b'{"notifications_sms_notifier": 1, "notifications_otp_code_len": 5}',
    "two fields": b'{"notifications_otp_code_len": 6, "notifications_otp_ttl": 180}',
    "all four": b'{"notifications_sms_notifier": 3, "notifications_email_notifier": 4, '
    b'"notifications_otp_code_len": 7, "notifications_otp_ttl": 300}',
    "all four wrong": b'{"notifications_sms_notifier": 99, "notifications_email_notifier": true, '
    b'"notifications_otp_code_len": 3, "notifications_otp_ttl": null}',
    "one right, one wrong": b'{"notifications_otp_code_len": 6, "notifications_otp_ttl": 1}',
    "wrong notifier, right number": b'{"notifications_sms_notifier": 2, "notifications_otp_code_len": 6}',
    "wrong notifier, wrong number": b'{"notifications_email_notifier": 1, "notifications_otp_ttl": "x"}',
    "clear both": b'{"notifications_sms_notifier": null, "notifications_email_notifier": ""}',
    "unknown key": b'{"colour": "red", "notifications_otp_code_len": 6}',
    "unknown key alone": b'{"notifications_sms": 3}',
    "read-only keys": b'{"notifications_sms_notifier_data": {"id": 3}, "notifications_email_notifier_data": null}',
    "read-only key nonsense": b'{"notifications_sms_notifier_data": 7, "notifications_otp_ttl": 60}',
    "model's own names": b'{"sms_notifier_id": 3, "otp_code_len": 9, "version": 7, "project": 2, "project_id": 2}',
    "duplicate key": b'{"notifications_otp_code_len": 6, "notifications_otp_code_len": 7}',
    "duplicate key, last wrong": b'{"notifications_otp_code_len": 6, "notifications_otp_code_len": 70}',
    "duplicate key, first wrong": b'{"notifications_otp_code_len": 70, "notifications_otp_code_len": 6}',
    "key in capitals": b'{"NOTIFICATIONS_OTP_CODE_LEN": 6}',
    "empty key": b'{"": 6}',
    "dotted key": b'{"notifications_otp_code_len.x": 6}',
    "a thousand unknown keys": b"{" + b", ".join(b'"k%d": %d' % (n, n) for n in range(1000)) + b"}",
}


def json_cases() -> Iterator[Case]:
    """Every value in the fields of its kind, and whole bodies."""
    for field in (LENGTH, LIFETIME):
        for text in NUMBERS:
            yield Case(f"{field} {_short(text)}", _json(field, text))
    for field in (SMS_FIELD, EMAIL_FIELD):
        for text in (*IDS, *FLOAT_IDS):
            yield Case(f"{field} {_short(text)}", _json(field, text))
    for name, body in WHOLE_BODIES.items():
        yield Case(f"body: {name}", body)


def form_cases() -> Iterator[Case]:
    """The same through a form, where every value is a string and a key can come more than once."""
    forms = {
        "two fields": b"notifications_otp_code_len=6&notifications_otp_ttl=180",
        "a notifier": b"notifications_sms_notifier=3",
        "a wrong notifier": b"notifications_sms_notifier=2",
        "a cleared notifier": b"notifications_sms_notifier=",
        "both cleared": b"notifications_sms_notifier=&notifications_email_notifier=",
        "an empty number": b"notifications_otp_code_len=",
        "an empty number beside a right one": b"notifications_otp_code_len=&notifications_otp_ttl=60",
        "a blank number": b"notifications_otp_code_len=+",
        "a padded number": b"notifications_otp_code_len=+6+",
        "a wrong number": b"notifications_otp_code_len=six",
        "out of bounds": b"notifications_otp_code_len=11",
        "twice": b"notifications_otp_code_len=6&notifications_otp_code_len=7",
        "twice, last wrong": b"notifications_otp_code_len=6&notifications_otp_code_len=x",
        "twice, last empty id": b"notifications_sms_notifier=3&notifications_sms_notifier=",
        "no value": b"notifications_otp_code_len",
        "no value for a notifier": b"notifications_sms_notifier",
        "semicolons": b"notifications_otp_code_len=6;notifications_otp_ttl=60",
        "percent-encoded": b"notifications_otp_code_len=%36",
        "percent-encoded key": b"notifications%5Fotp%5Fcode%5Flen=6",
        "broken percent": b"notifications_otp_code_len=%zz",
        "bad UTF-8": b"notifications_otp_code_len=%ff",
        "raw bad UTF-8": b"notifications_otp_code_len=\xff",
        "the word null": b"notifications_sms_notifier=null",
        "JSON in a form": b'{"notifications_otp_code_len": 6}',
        "empty": b"",
        "ampersands": b"&&&",
    }
    for name, body in forms.items():
        yield Case(f"form: {name}", body, "application/x-www-form-urlencoded")


def multipart_cases() -> Iterator[Case]:
    """The same as multipart, with parts that are files and bodies that are broken."""
    kind = "multipart/form-data; boundary=frontier"
    bodies = {
        "two fields": _part("notifications_otp_code_len", "6") + _part("notifications_otp_ttl", "60") + _END,
        "a notifier": _part("notifications_sms_notifier", "3") + _END,
        "a cleared notifier": _part("notifications_sms_notifier", "") + _END,
        "twice": _part("notifications_otp_code_len", "6") + _part("notifications_otp_code_len", "7") + _END,
        "a wrong number": _part("notifications_otp_code_len", "six") + _END,
        "an unknown part": _part("colour", "red") + _END,
        "an unknown file": _part("photo", "…", filename="a.png") + _END,
        "a file as a number": _part("notifications_otp_code_len", "6", filename="a.txt") + _END,
        "a file as a notifier": _part("notifications_sms_notifier", "3", filename="a.txt") + _END,
        "a file named as a number": _part("notifications_otp_code_len", "x", filename="6") + _END,
        "a file without a name": _part("notifications_otp_code_len", "6", filename="") + _END,
        "a notifier in a file without a name": _part("notifications_sms_notifier", "3", filename="") + _END,
        "no part": _END,
        "empty": b"",
        "no end": _part("notifications_otp_code_len", "6"),
        "not multipart at all": b"notifications_otp_code_len=6",
    }
    for name, body in bodies.items():
        yield Case(f"multipart: {name}", body, kind)
    yield Case("multipart: no boundary", bodies["two fields"], "multipart/form-data")
    yield Case("multipart: empty boundary", bodies["two fields"], "multipart/form-data; boundary=")
    yield Case("multipart: another boundary", bodies["two fields"], "multipart/form-data; boundary=other")
    yield Case("multipart: quoted boundary", bodies["two fields"], 'multipart/form-data; boundary="frontier"')
    yield Case("multipart: mixed", bodies["two fields"], "multipart/mixed; boundary=frontier")


_END = b"--frontier--\r\n"


def _part(name: str, value: str, *, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    return f'--frontier\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n{value}\r\n'.encode()


def _json(field: str, text: str) -> bytes:
    return f'{{"{field}": {text}}}'.encode()


def _short(text: str) -> str:
    return text if len(text) < 30 else f"{text[:8]}… ({len(text)} characters)"
