"""Configurations that stop the start, with one line that names the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from notifapp import destinations
from notifapp.config import GATEWAYS, Config, ConfigError
from notifapp.notifiers.backends import BACKENDS
from tests.conftest import ENCRYPTION_KEY, SECRET_KEY

KEYS = {
    "NOTIFAPP_SECRET_KEY": SECRET_KEY,
    "NOTIFAPP_ENCRYPTION_KEYS": ENCRYPTION_KEY,
    "NOTIFAPP_OTP_KEY": SECRET_KEY,
}


def read(folder: Path, **variables: str) -> Config:
    return Config.from_environment({**KEYS, "NOTIFAPP_INSTANCE_DIR": str(folder), **variables})


def refused(folder: Path, **variables: str) -> str:
    with pytest.raises(ConfigError) as error:
        read(folder, **variables)
    assert "\n" not in str(error.value)
    return str(error.value)


# Clear text


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("postgresql://u:secret@db.internal/n", "db.internal"),
        ("postgres://u:secret@10.0.0.5:6432/n", "10.0.0.5"),
        ("postgresql+psycopg://u:secret@[2001:db8::1]/n", "2001:db8::1"),
        ("postgresql://u:secret@db.internal/n?sslmode=prefer", "db.internal"),
        ("postgresql://u:secret@localhost/n?host=db.internal", "db.internal"),
        ("postgresql://u:secret@/n?host=localhost:5432&host=db.internal:5432", "db.internal"),
        ("postgresql://u:secret@localhost/n?hostaddr=10.0.0.5", "10.0.0.5"),
        ("postgresql://u:secret@localhost.example.com/n", "localhost.example.com"),
    ],
)
def test_codes_and_secrets_dont_travel_to_a_database_in_clear_text(tmp_path: Path, url: str, host: str) -> None:
    message = refused(tmp_path, NOTIFAPP_DATABASE_URL=url)
    assert message == (
        f"NOTIFAPP_DATABASE_URL leads to {host} without TLS: add sslmode=verify-full to it, "
        "or set NOTIFAPP_ALLOW_PLAIN=1"
    )
    read(tmp_path, NOTIFAPP_DATABASE_URL=url, NOTIFAPP_ALLOW_PLAIN="1")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u@localhost/n", "postgresql://u@127.0.0.1/n", "postgresql://u@127.8.9.10/n",
        "postgresql://u@[::1]/n", "postgresql:///n", "postgresql:///n?host=/run/postgresql",
        "postgresql://u@db.internal/n?sslmode=require", "postgresql://u@db.internal/n?sslmode=verify-ca",
        "postgresql://u@db.internal/n?sslmode=verify-full", "sqlite:////tmp/n",
    ],
)  # fmt: skip
def test_a_database_on_this_host_or_behind_tls_is_used(tmp_path: Path, url: str) -> None:
    read(tmp_path, NOTIFAPP_DATABASE_URL=url)


def test_the_variables_of_libpq_count_too(tmp_path: Path) -> None:
    url = "postgresql:///n"
    assert "leads to db.internal" in refused(tmp_path, NOTIFAPP_DATABASE_URL=url, PGHOST="db.internal")
    read(tmp_path, NOTIFAPP_DATABASE_URL=url, PGHOST="db.internal", PGSSLMODE="verify-full")


@pytest.mark.parametrize("url", ["redis://:secret@cache.internal:6379/0", "redis:///0?host=cache.internal"])
def test_a_redis_elsewhere_needs_tls(tmp_path: Path, url: str) -> None:
    assert refused(tmp_path, NOTIFAPP_REDIS_URL=url) == (
        "NOTIFAPP_REDIS_URL leads to cache.internal without TLS: use rediss://…, or set NOTIFAPP_ALLOW_PLAIN=1"
    )
    read(tmp_path, NOTIFAPP_REDIS_URL=url, NOTIFAPP_ALLOW_PLAIN="1")


@pytest.mark.parametrize(
    "url", ["redis://", "redis://127.0.0.1/0", "rediss://cache.internal", "unix:///run/redis.sock"]
)
def test_a_redis_on_this_host_or_behind_tls_is_used(tmp_path: Path, url: str) -> None:
    assert read(tmp_path, NOTIFAPP_REDIS_URL=url).redis_url == url


# Private destinations


def test_the_old_switch_that_opened_everything_stops_the_start(tmp_path: Path) -> None:
    assert refused(tmp_path, NOTIFAPP_ALLOW_PRIVATE_DESTINATIONS="1") == (
        "NOTIFAPP_ALLOW_PRIVATE_DESTINATIONS=1 is no more: list networks and ports, such as 10.1.2.3/32:25, in "
        "NOTIFAPP_PRIVATE_DESTINATIONS"
    )
    assert read(tmp_path, NOTIFAPP_ALLOW_PRIVATE_DESTINATIONS="0").private_destinations == ()


def test_private_destinations_are_a_list(tmp_path: Path) -> None:
    listed = "10.1.2.3/32:25,[fd00::/8]:443"
    assert read(tmp_path, NOTIFAPP_PRIVATE_DESTINATIONS=listed).private_destinations == destinations.parse(listed)
    message = refused(tmp_path, NOTIFAPP_PRIVATE_DESTINATIONS="1")
    assert message.startswith("NOTIFAPP_PRIVATE_DESTINATIONS: 1:")


# The public address


def test_the_public_address_is_https_and_nothing_else(tmp_path: Path) -> None:
    for url in ("https://desk.example.com", "https://desk.example.com:8443/notifapp", "https://[2001:db8::1]"):
        assert read(tmp_path, NOTIFAPP_PUBLIC_URL=f" {url}/ ").public_url == url
    assert read(tmp_path).public_url is None
    for url in (
        "http://desk.example.com",
        "desk.example.com",
        "https://u:p@desk.example.com",
        "https://a/?b",
        "https://a b",
    ):
        assert "NOTIFAPP_PUBLIC_URL must be" in refused(tmp_path, NOTIFAPP_PUBLIC_URL=url)
    assert read(tmp_path, NOTIFAPP_PUBLIC_URL="http://127.0.0.1:8000", NOTIFAPP_DEBUG="1").public_url


# Keys


@pytest.mark.parametrize("between", [",", ", ", "\n", "\r\n\n"])
def test_the_codes_may_have_several_keys(tmp_path: Path, between: str) -> None:
    keys = ["a key of this year 0123456789 abcdef", SECRET_KEY]
    assert read(tmp_path, NOTIFAPP_OTP_KEY=between.join(keys)).otp_keys == tuple(keys)


@pytest.mark.parametrize("text", [",", f"{SECRET_KEY},short", f"short,{SECRET_KEY}", "a" * 40])
def test_none_of_them_may_be_weak(tmp_path: Path, text: str) -> None:
    message = "NOTIFAPP_OTP_KEY is too weak: it needs at least 32 random characters"
    assert refused(tmp_path, NOTIFAPP_OTP_KEY=text) == message


# Gateways

GATEWAY_URLS = "NOTIFAPP_GATEWAY_URLS"


def test_the_gateways_are_the_backends_with_an_address_of_their_own() -> None:
    own = [key for key, backend in BACKENDS.items() if hasattr(backend, "_api")]
    assert sorted(own) == sorted(GATEWAYS)


def test_gateways_may_be_called_elsewhere(tmp_path: Path) -> None:
    urls = "kavenegar=https://sandbox.example.com/v1/, twilio=http://10.1.2.3:8080/2010-04-01,ippanel=http://inside:81"
    config = read(tmp_path, NOTIFAPP_GATEWAY_URLS=urls, NOTIFAPP_PRIVATE_DESTINATIONS="10.1.2.3/32:8080")
    assert config.gateway_urls == {
        "kavenegar": "https://sandbox.example.com/v1",
        "twilio": "http://10.1.2.3:8080/2010-04-01",
        "ippanel": "http://inside:81",
    }


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ("kavenegar", "the address of kavenegar must be https://HOST/PATH"),
        ("smsc=https://x.example", "as GATEWAY=URL; those are ippanel, kavenegar, melipayamak, twilio"),
        ("twilio=https://a.example,twilio=https://b.example", "must list each gateway once"),
        ("twilio=ftp://a.example", "must be https://HOST/PATH, or http:// to a private destination"),
        ("twilio=https://a.example:99999", "Port out of range"),
        ("twilio=https://u:p@a.example", "must have no user name"),
        ("twilio=https://a.example/?x=1", "must have no user name, no ? and no #"),
        ("twilio=http://a.example", "needs https"),
        ("twilio=http://10.1.2.3:81", "is private: list it in NOTIFAPP_PRIVATE_DESTINATIONS"),
        ("twilio=https://10.1.2.3", "is private: list it in NOTIFAPP_PRIVATE_DESTINATIONS"),
    ],
)
def test_other_addresses_of_gateways_stop_the_start(tmp_path: Path, urls: str, said: str) -> None:
    message = refused(tmp_path, NOTIFAPP_GATEWAY_URLS=urls)
    assert message.startswith(GATEWAY_URLS)
    assert said in message


def test_plain_http_never_goes_to_a_public_address(tmp_path: Path) -> None:
    listed = {"NOTIFAPP_PRIVATE_DESTINATIONS": "10.0.0.0/8"}
    message = refused(tmp_path, NOTIFAPP_GATEWAY_URLS="twilio=http://93.184.216.34/x", **listed)
    assert "needs https" in message
