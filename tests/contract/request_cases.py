"""What a request can be besides its fields: body encodings, media types, methods, paths, credentials, Accept."""

from __future__ import annotations

from collections.abc import Iterator

from tests.contract.side import PATH, Case

CHANGE = b'{"notifications_otp_code_len": 6}'
BODIES = {
    "empty": b"",
    "a space": b" ",
    "a new line": b"\r\n",
    "null": b"null",
    "true": b"true",
    "a number": b"6",
    "a string": b'"x"',
    "an empty string": b'""',
    "a list": b"[]",
    "a list of objects": b"[" + CHANGE + b"]",
    "not JSON": b"notifications_otp_code_len=6",
    "cut short": CHANGE[:-1],
    "trailing comma": b'{"notifications_otp_code_len": 6,}',
    "trailing garbage": CHANGE + b"x",
    "two objects": CHANGE + CHANGE,
    "single quotes": CHANGE.replace(b'"', b"'"),
    "a comment": b"/* */" + CHANGE,
    "white space around": b"\t\r\n " + CHANGE + b" \n",
    "byte order mark": b"\xef\xbb\xbf" + CHANGE,
    "bad UTF-8": b'{"a": "\xff"}',
    "overlong UTF-8": b'{"a": "\xc0\x80"}',
    "UTF-8 surrogate": b'{"a": "\xed\xa0\x80"}',
    "UTF-16 without saying so": CHANGE.decode().encode("utf-16"),
    "NUL byte": b'{"a": "\x00"}',
    "control character": b'{"a": "\x01"}',
    "bad escape": b'{"a": "\\x"}',
    "NaN": b'{"notifications_otp_code_len": NaN}',
    "Infinity": b'{"notifications_otp_code_len": Infinity}',
    "-Infinity in an unknown key": b'{"a": -Infinity}',
    "leading zero": b'{"notifications_otp_code_len": 06}',
    "plus sign": b'{"notifications_otp_code_len": +6}',
    "hexadecimal": b'{"notifications_otp_code_len": 0x6}',
    "deep lists": b"[" * 30_000,
    "deep lists in an unknown key": b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "a long unknown value": b'{"a": "' + b"x" * 50_000 + b'"}',
}
MEDIA_TYPES = (
    *("application/json", "APPLICATION/JSON", "application/json;", "application/json ; charset=utf-8"),
    *("application/json; charset=UTF-8", 'application/json; charset="utf-8"', "application/json; charset=latin-1"),
    *("application/json; charset=ascii", "application/json; charset=nonsense", "application/json; charset="),
    *("application/json; version=2", "application/json; indent=4", " application/json"),
    *("text/plain", "text/json", "text/html; charset=utf-8", "application/xml", "application/octet-stream"),
    *("application/vnd.api+json", "application/merge-patch+json", "application/x-json", "application/jsonx"),
    *(
        "json",
        "application",
        "application/",
        "/",
        "",
        ";",
        "multipart/mixed",
        "image/png",
        "application/json, text/plain",
    ),
)
AUTHORIZATIONS = (
    *("", " ", "Token", "Token ", "token staff", "TOKEN staff", "tOkEn staff", "Token  staff", "Token\tstaff"),
    *(" Token staff", "Token staff ", "Token staff x", "Token Token staff", "Token unknown", "Token STAFF", "staff"),
    *("Bearer staff", "Basic c3RhZmY6", "Tokenstaff", "Token:staff", "Token,staff", "Token \xff", "Token st\xe4ff"),
    *("Token \x00", "Token " + "x" * 5000, "Bearer", "Token null", 'Token "staff"', "Token=staff", "Digest staff"),
)
ACCEPTS = (
    *("*/*", "application/json", "application/*", "application/json; indent=4", "APPLICATION/JSON", "text/html, */*"),
    *(
        "text/html",
        "text/html,application/xhtml+xml",
        "application/xml",
        "image/*",
        "text/*",
        "text/html, application/json",
    ),
    *("application/vnd.api+json", "text/html;q=0.9, application/json;q=0.1", "", "application/json, */*; q=0.1"),
)


def body_cases() -> Iterator[Case]:
    """Bodies that are no object, or no JSON, or oddly encoded."""
    for name, body in BODIES.items():
        yield Case(f"json: {name}", body)
    for charset in ("utf-16", "utf-16-le", "utf-32", "utf-8-sig", "latin-1", "cp1252", "ascii", "utf-7"):
        yield Case(f"charset {charset}", CHANGE.decode().encode(charset), f"application/json; charset={charset}")
    yield Case("charset that can't be", b'{"a": "\xff"}', "application/json; charset=ascii")
    yield Case(
        "charset of one byte", b'{"a": "\xff", "notifications_otp_ttl": 60}', "application/json; charset=latin-1"
    )
    yield Case("a large body", CHANGE + b" " * 70_000)
    yield Case("a large form", b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded")
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    yield Case("chunked", CHANGE, environ=chunked)


def media_type_cases() -> Iterator[Case]:
    """Media types of a body, and of none."""
    for media_type in MEDIA_TYPES:
        yield Case(f"type {media_type!r}", CHANGE, media_type)
        yield Case(f"type {media_type!r}, no body", b"", media_type)
    yield Case("type '*/*'", CHANGE, "*/*")
    yield Case("type 'application/*'", CHANGE, "application/*")


def credential_cases() -> Iterator[Case]:
    """Who calls, and how they say so."""
    for value in AUTHORIZATIONS:
        yield Case(f"Authorization {value[:30]!r}", CHANGE, headers={"Authorization": value})
    for token in ("", "staff", "reader", "writer", "guest", "else", "admin", "expired", "revoked", "valid-for-a-day"):
        yield from _as(token)
    for token in ("inactive", "archived", "outsider"):
        yield from _as(token)
    yield Case("a session cookie", CHANGE, token="", headers={"Cookie": "session=x; notifapp=y"})
    yield Case("token in the query", CHANGE, token="", path=f"{PATH}?token=staff")


def _as(token: str) -> Iterator[Case]:
    for method in ("GET", "PATCH", "POST"):
        yield Case(f"{method} as {token or 'nobody'}", CHANGE, method=method, token=token)


def method_cases() -> Iterator[Case]:
    """Methods and paths, each with what comes before it in the order of checks."""
    for method in ("GET", "HEAD", "OPTIONS", "POST", "PUT", "DELETE", "TRACE", "PROPFIND", "get", "patch"):
        yield Case(f"method {method}", CHANGE, method=method)
        yield Case(f"method {method} without a token", CHANGE, method=method, token="")
    yield Case("405 before 415", CHANGE, "text/plain", method="POST")
    yield Case("403 before 405", CHANGE, method="POST", token="guest")
    yield Case("403 before 415", CHANGE, "text/plain", token="reader")
    yield Case("403 before 400", b"{", token="reader")
    yield Case("401 before 400", b"{", token="")
    yield Case("GET with a body", b"{", method="GET")
    yield Case("GET with a body of another type", b"x", "text/plain", method="GET")
    yield Case("trailing slash, PATCH", CHANGE, path=f"{PATH}/")
    yield Case("trailing slash, GET", method="GET", path=f"{PATH}/")
    yield Case("query string", CHANGE, path=f"{PATH}?notifications_otp_ttl=60&format=json")
    yield Case("method override header", CHANGE, method="POST", headers={"X-HTTP-Method-Override": "PATCH"})
    yield Case("method override in a form", b"_method=PATCH", "application/x-www-form-urlencoded", method="POST")


def accept_cases() -> Iterator[Case]:
    """What the caller says it can read."""
    for accept in ACCEPTS:
        yield Case(f"Accept {accept!r}", CHANGE, headers={"Accept": accept})
        yield Case(f"Accept {accept!r} without a token", CHANGE, token="", headers={"Accept": accept})
