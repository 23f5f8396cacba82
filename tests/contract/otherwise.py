"""Where our answer differs from Django REST Framework's on purpose: each case, our status, and why."""

from __future__ import annotations

from collections.abc import Mapping

_FLOAT = "the contract: an id is an integer or a string that holds one; a float is an incorrect type"
_EMPTY = 'the contract: "" is no valid integer; DRF passes over an empty number of a form'
_FILE = "a file is no value: DRF reads its name as one, and calls its type by Django's name"
_BROKEN = "what can't be read is refused; Django takes what it can make out and passes over the rest"
_DEEP = "the contract: not JSON is 400; DRF lets the decoder's RecursionError through as 500"
_LARGE = "the contract: over 64 KiB is 413; Django refuses it with a page, 400"
_CHUNKED = "a chunked body is a body (RFC 9112, 6.3); Django takes it for an empty one"
_WILDCARD = "the contract: anything but the three types is 415; DRF takes a wildcard for the first of its own"
_CHARSET = "the contract: UTF-8, UTF-16, UTF-32, ASCII and Latin-1 are read, and any other charset is 415"
_OPTIONS = "DRF describes the view in the body; the methods are in Allow on both sides"

OTHERWISE: Mapping[str, tuple[int, str]] = {
    **{
        f"notifications_{channel}_notifier {number}": (400, _FLOAT)
        for channel in ("sms", "email")
        for number in ("3.0", "3.5", "1e0", "-0.0", "1e400", "99.0")
    },
    "form: an empty number": (400, _EMPTY),
    "form: an empty number beside a right one": (400, _EMPTY),
    "form: no value": (400, _EMPTY),
    "multipart: a file as a notifier": (400, _FILE),
    "multipart: a file named as a number": (400, _FILE),
    "multipart: no end": (400, _BROKEN),
    "multipart: not multipart at all": (400, _BROKEN),
    "multipart: another boundary": (400, _BROKEN),
    "json: deep lists": (400, _DEEP),
    "json: deep lists in an unknown key": (400, _DEEP),
    "a large body": (413, _LARGE),
    "a large form": (413, _LARGE),
    "chunked": (200, _CHUNKED),
    "type '*/*'": (415, _WILDCARD),
    "type 'application/*'": (415, _WILDCARD),
    "charset cp1252": (415, _CHARSET),
    "charset utf-7": (415, _CHARSET),
    "type 'application/json; charset=nonsense'": (415, _CHARSET),
    "method OPTIONS": (200, _OPTIONS),
}
