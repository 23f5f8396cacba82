"""What forms post and JSON carries become the same clean settings, or a clear error for every field."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifapp.channels import Channel
from notifapp.errors import ValidationFailed
from notifapp.notifiers.backends import BACKENDS, backends_for
from notifapp.notifiers.gateway.parsing import parse_settings

SMTP = {"host": "smtp.example.com", "username": "u", "password": "p", "from_email": "a@example.com"}
SECRET = "a-secret-of-sixteen"


def errors(backend: str, raw: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(ValidationFailed) as failed:
        parse_settings(BACKENDS[backend], raw)
    return failed.value.errors


def test_each_channel_offers_its_backends() -> None:
    assert [b.key for b in backends_for(Channel.EMAIL)] == ["smtp", "webhook", "apprise_email", "console"]
    assert [b.key for b in backends_for(Channel.SMS)] == [
        "ippanel", "melipayamak", "kavenegar", "twilio", "webhook", "apprise_sms", "console",
    ]  # fmt: skip


def test_defaults_fill_what_is_left_out() -> None:
    assert parse_settings(BACKENDS["smtp"], SMTP) == {
        **SMTP, "port": 587, "use_tls": True, "use_ssl": False, "fail_silently": False,
    }  # fmt: skip


def test_a_form_and_json_mean_the_same() -> None:
    form = {**SMTP, "port": "465", "use_tls": "false", "use_ssl": "on", "fail_silently": "0"}
    json = {**SMTP, "port": 465, "use_tls": False, "use_ssl": True, "fail_silently": False}
    assert parse_settings(BACKENDS["smtp"], form) == parse_settings(BACKENDS["smtp"], json)


def test_every_failing_field_is_reported_at_once() -> None:
    assert errors("smtp", {"host": "", "port": "x", "username": None, "from_email": "nobody", "use_tls": "maybe"}) == {
        "host": ["This field may not be blank."],
        "port": ["A valid integer is required."],
        "username": ["This field may not be null."],
        "password": ["This field is required."],
        "from_email": ["Enter a valid email address."],
        "use_tls": ["Must be a valid boolean."],
    }


def test_an_unknown_key_is_named_with_the_known_ones() -> None:
    assert errors("ippanel", {"token": "t", "from_number": "+983000505", "sender": "x"}) == {
        "sender": ["Unknown setting. Known settings: token, from_number, pattern_code, pattern_variables."]
    }
    assert errors("console", {"x": 1}) == {"x": ["Unknown setting. Known settings: none."]}


def test_starttls_and_tls_exclude_each_other() -> None:
    assert errors("smtp", {**SMTP, "use_tls": True, "use_ssl": True}) == {
        "use_ssl": ["STARTTLS (use_tls) and TLS (use_ssl) can't both be on."]
    }


@pytest.mark.parametrize(
    ("given", "kept"),
    [(25, 25), ("25", 25), (" 25 ", 25), (25.0, 25), ("25.0", 25), ("۲۵", 25)],
)
def test_integers_are_taken_as_django_rest_framework_takes_them(given: object, kept: int) -> None:
    assert parse_settings(BACKENDS["smtp"], {**SMTP, "port": given})["port"] == kept


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (True, "A valid integer is required."),
        (6.5, "A valid integer is required."),
        ("", "A valid integer is required."),
        ([25], "A valid integer is required."),
        (float("nan"), "A valid integer is required."),
        (None, "This field may not be null."),
        (0, "Ensure this value is greater than or equal to 1."),
        (65536, "Ensure this value is less than or equal to 65535."),
    ],
)
def test_bad_ports_are_refused(given: object, message: str) -> None:
    assert errors("smtp", {**SMTP, "port": given}) == {"port": [message]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (True, "Not a valid string."),
        (["a"], "Not a valid string."),
        ({}, "Not a valid string."),
        ("\ud800", "Surrogate characters are not allowed: U+D800."),
        ("a\0b", "Null characters are not allowed."),
        ("a\r\nBcc: b", "Line breaks and control characters are not allowed."),
        ("x" * 256, "Ensure this field has no more than 255 characters."),
    ],
)
def test_text_that_cant_be_stored_or_sent_is_refused(given: object, message: str) -> None:
    assert errors("smtp", {**SMTP, "username": given}) == {"username": [message]}


def test_a_secret_is_ascii() -> None:
    assert errors("smtp", {**SMTP, "password": "رمز"}) == {"password": ["Use ASCII letters, digits and signs only."]}


@pytest.mark.parametrize("given", ["not a host", "user@host", "http://host", "-"])
def test_a_host_is_a_name_or_an_address(given: str) -> None:
    assert errors("smtp", {**SMTP, "host": given}) == {"host": ["Enter a host name, such as smtp.example.com."]}


@pytest.mark.parametrize("given", ["mail", "smtp.example.com", "203.0.114.9", "2606:4700::1111"])
def test_hosts_are_accepted(given: str) -> None:
    assert parse_settings(BACKENDS["smtp"], {**SMTP, "host": given})["host"] == given


@pytest.mark.parametrize(
    ("given", "kept"),
    [("+983000505", "+983000505"), ("+98 (912) 000-0000", "+989120000000"), ("+۹۸۳۰۰۰۵۰۵", "+983000505")],
)
def test_numbers_are_normalised(given: str, kept: str) -> None:
    assert parse_settings(BACKENDS["ippanel"], {"token": "t", "from_number": given})["from_number"] == kept


@pytest.mark.parametrize("given", ["3000505", "+0", "+98x", "0912"])
def test_numbers_need_their_country_code(given: str) -> None:
    message = "Enter a number with its country code, such as +983000505."
    assert errors("ippanel", {"token": "t", "from_number": given}) == {"from_number": [message]}


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/hook", "Enter a valid URL. It must start with https://."),
        ("javascript:alert(1)", "Enter a valid URL."),
        ("https://", "Enter a valid URL."),
        ("https://exa mple.com", "Enter a valid URL."),
        ("https://example.com:99999", "Enter a valid URL."),
        ("https://[::1", "Enter a valid URL."),
        ("https://u:p@example.com", "Enter a valid URL, without a user name or password in it."),
        ("https://example.com/#part", "Enter a valid URL, without a # part."),
    ],
)
def test_a_webhook_is_https_without_credentials(url: str, message: str) -> None:
    assert errors("webhook", {"url": url, "secret": SECRET}) == {"url": [message]}


def test_a_short_signing_secret_is_refused() -> None:
    raw = {"url": "https://example.com/", "secret": "short"}
    assert errors("webhook", raw) == {"secret": ["Use at least 16 characters."]}


def test_optional_settings_may_be_blank() -> None:
    assert parse_settings(BACKENDS["melipayamak"], {"token": "t", "number": ""}) == {
        "token": "t",
        "number": "",
        "pattern_code": "",
        "pattern_variables": "code",
    }


def test_a_twilio_account_sid_has_its_shape() -> None:
    raw = {"account_sid": "AC/../x", "auth_token": "t", "from_number": "+15005550006"}
    assert errors("twilio", raw) == {"account_sid": ["Enter an account SID: AC and 32 hexadecimal digits."]}


def destinations(backend: str) -> set[str]:
    return {name for name, about in BACKENDS[backend].settings.items() if about.destination}


def test_secrets_and_destinations_follow_from_the_definition() -> None:
    assert {b.key: b.secrets for b in BACKENDS.values()} == {
        "smtp": {"password"}, "ippanel": {"token"}, "melipayamak": {"token"}, "kavenegar": {"api_key"},
        "twilio": {"auth_token", "receipts_token"}, "webhook": {"secret"}, "apprise_sms": {"url"},
        "apprise_email": {"url"}, "console": set(),
    }  # fmt: skip
    assert destinations("smtp") == {"host", "port", "username", "use_tls", "use_ssl"}
    assert destinations("webhook") == {"url"}
    assert destinations("twilio") == {"account_sid", "api_key_sid"}


def test_a_configuration_never_shows_its_secrets() -> None:
    for backend in BACKENDS.values():
        config = backend.load(dict.fromkeys(backend.settings, "s3cr3t-value"))
        for name in backend.secrets:
            assert name not in repr(config)
    assert "s3cr3t-value" not in repr(BACKENDS["ippanel"].load({"token": "s3cr3t-value", "from_number": "+1"}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(BACKENDS)), st.data())
def test_any_json_is_either_parsed_or_refused_by_field(key: str, data: st.DataObject) -> None:
    backend = BACKENDS[key]
    names = st.sampled_from([*backend.settings, "bogus"])
    raw = data.draw(st.dictionaries(names, json_values, max_size=8))
    try:
        values = parse_settings(backend, raw)
    except ValidationFailed as failed:
        refused = set(failed.errors)
    else:
        assert parse_settings(backend, values) == values
        return
    assert refused
    assert refused <= {*backend.settings, "bogus"}
