"""The contract's rules for a body at `PATCH /api/settings/notifications`: its types, its encodings, arbitrary JSON."""

from __future__ import annotations

import json

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from notifapp.settings.values import FIELDS, OTP_CODE_LEN, OTP_TTL, SMS_NOTIFIER
from tests.settings.conftest import UNTOUCHED, Patch, Shop, Shown, written


@pytest.mark.parametrize(
    ("body", "kind"),
    [("[]", "list"), ('[{"a": 1}]', "list"), ("6", "int"), ('"x"', "str"), ("true", "bool"), ("1.5", "float")],
)
def test_a_body_that_is_no_object_is_refused(patch: Patch, body: str, kind: str) -> None:
    answer = patch(data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json == {"non_field_errors": [f"Invalid data. Expected a dictionary, but got {kind}."]}


def test_null_is_no_data(patch: Patch) -> None:
    answer = patch(data="null", content_type="application/json")
    assert (answer.status_code, answer.json) == (400, {"non_field_errors": ["No data provided"]})


@pytest.mark.parametrize(
    "body",
    [
        *(b"{", b"x", b" ", b"{}{}", b'{"a": NaN}', b"Infinity", b'{"a": -Infinity}', b'{"a": "\xff"}'),
        *(b"\xef\xbb\xbf{}", b"[" * 60_000, b'{"a": %s}' % (b"9" * 5000)),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_is_not_json_is_a_parse_error(app: Flask, patch: Patch, body: bytes) -> None:
    answer = patch(data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["detail"].startswith("JSON parse error - ")
    assert written(app) == (0, 0)


def test_a_value_nested_nearly_too_deep_is_refused_like_any_other(patch: Patch) -> None:
    for depth in range(800, 1000):
        value = "[" * depth + "]" * depth
        body = f'{{"{OTP_CODE_LEN}": {value}, "{SMS_NOTIFIER}": {value}}}'
        assert patch(data=body, content_type="application/json").status_code == 400


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", "latin-1", "iso-8859-1", "us-ascii", "utf-16", "utf-32le", '""'])
def test_json_of_the_usual_charsets_is_read(patch: Patch, charset: str) -> None:
    body = json.dumps({OTP_CODE_LEN: 6}).encode(charset if charset.startswith("utf") else "utf-8")
    answer = patch(data=body, content_type=f"application/json; charset={charset}")
    assert answer.json == {**UNTOUCHED, "notifications_otp_code_len": 6}


@pytest.mark.parametrize("charset", ["utf-7", "cp1252", "punycode", "hex", "rot13", "unicode_escape", "nonsense"])
def test_json_cannot_be_hidden_in_another_charset(patch: Patch, charset: str) -> None:
    answer = patch(data=json.dumps({OTP_CODE_LEN: 6}), content_type=f"application/json; charset={charset}")
    assert answer.status_code == 415
    assert answer.json == {"detail": f'Unsupported media type "application/json; charset={charset}" in request.'}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_forms_are_read(patch: Patch, shop: Shop, kind: str) -> None:
    answer = patch(data={SMS_NOTIFIER: str(shop.sms), OTP_CODE_LEN: "6"}, content_type=kind)
    assert answer.json == {
        **UNTOUCHED,
        "notifications_sms_notifier_data": {"id": shop.sms, "name": "ippanel_one"},
        "notifications_otp_code_len": 6,
    }


def test_in_a_form_an_empty_string_clears_a_notifier_and_is_no_integer(patch: Patch, shop: Shop) -> None:
    patch({SMS_NOTIFIER: shop.sms})
    answer = patch(data={SMS_NOTIFIER: ""}, content_type="application/x-www-form-urlencoded")
    assert answer.json == UNTOUCHED
    answer = patch(data={OTP_TTL: ""}, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json) == (400, {OTP_TTL: ["A valid integer is required."]})


def test_a_broken_multipart_body_is_a_parse_error(app: Flask, patch: Patch) -> None:
    answer = patch(data=b"--x\r\nContent-Disp", content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["detail"].startswith("Multipart form parse error - ")


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/json; charset=utf-8", "application/*", "application/problem+json"]
)
def test_any_other_media_type_is_unsupported(patch: Patch, kind: str) -> None:
    answer = patch(data=b"{}", content_type=kind)
    assert (answer.status_code, answer.json) == (415, {"detail": f'Unsupported media type "{kind}" in request.'})


def test_more_than_64_kib_are_not_read(app: Flask, patch: Patch) -> None:
    body = b'{"notifications_otp_code_len": 6}'
    assert patch(data=body.ljust(64 * 1024), content_type="application/json").status_code == 200
    answer = patch(data=body.ljust(64 * 1024 + 1), content_type="application/json")
    assert answer.status_code == 413
    assert answer.json is not None
    assert set(answer.json) == {"detail"}


# Whatever comes

_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["6", "120", "", " 5 "])
_values = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
_keys = st.sampled_from([*FIELDS, *(f"{field}_data" for field in FIELDS[:2])]) | st.text(max_size=5)
_near = st.integers(0, 12) | st.integers(25, 3700) | st.none() | _values
_bodies = st.dictionaries(st.sampled_from(FIELDS), _near) | st.dictionaries(_keys, _values) | _values


@given(body=_bodies)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_answered_with_200_or_4xx_json_and_a_4xx_changes_nothing(
    app: Flask, patch: Patch, shown: Shown, body: object
) -> None:
    before, written_before = shown(), written(app)
    answer = patch(data=json.dumps(body), content_type="application/json")
    assert answer.json is not None
    if answer.status_code == 200:
        assert answer.json == shown()
        changed = int(answer.json != before)
        assert written(app) == tuple(count + changed for count in written_before)
        assert 4 <= answer.json["notifications_otp_code_len"] <= 10
        assert 30 <= answer.json["notifications_otp_ttl"] <= 3600
    else:
        assert 400 <= answer.status_code < 500
        assert (shown(), written(app)) == (before, written_before)
