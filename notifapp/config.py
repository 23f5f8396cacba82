"""Every environment variable, read and validated once. An invalid one stops the start with a one-line error."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from redis import ConnectionPool, SSLConnection
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from notifapp import destinations, keys
from notifapp.destinations import PrivateDestination

MIN_KEY_LENGTH = 32
MIN_KEY_CHARACTERS = 10
MAX_BODY_BYTES = 64 * 1024
MAX_RETENTION_DAYS = 36_500
# The backends whose gateway has an address of its own, which the operator may put another in the place of.
GATEWAYS = ("ippanel", "kavenegar", "melipayamak", "twilio")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_HOST_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*|[0-9a-f]*:[0-9a-f:.]+")  # the latter is an IPv6 address


class WhoNeeds(StrEnum):
    """Who must have a second factor."""

    NONE = "none"
    ADMINS = "admins"
    ALL = "all"


class ConfigError(Exception):
    """The configuration is invalid; the one-line message names the variable."""


@dataclass(frozen=True)
class Retention:
    """For how many days data is kept; None for good. The fields are named after their variables."""

    codes: int | None = 30
    deliveries: int | None = 90
    failed_sign_ins: int | None = 30
    audit: int | None = None
    history: int | None = None

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> Retention:
        """Read and validate the variables of retention. Raise `ConfigError` for the first invalid one."""
        return cls(
            codes=_days(env, "NOTIFAPP_RETENTION_CODES", cls.codes),
            deliveries=_days(env, "NOTIFAPP_RETENTION_DELIVERIES", cls.deliveries),
            failed_sign_ins=_days(env, "NOTIFAPP_RETENTION_FAILED_SIGN_INS", cls.failed_sign_ins),
            audit=_days(env, "NOTIFAPP_RETENTION_AUDIT", cls.audit),
            history=_days(env, "NOTIFAPP_RETENTION_HISTORY", cls.history),
        )


def instance_dir(environment: Mapping[str, str] | None = None) -> Path:
    """The folder of the embedded database and the generated keys."""
    env = os.environ if environment is None else environment
    return Path(env.get("NOTIFAPP_INSTANCE_DIR") or "instance").resolve()


@dataclass(frozen=True)
class Config:
    """The operator's configuration. Times are in seconds."""

    database_url: str
    instance_dir: Path
    secret_key: str = field(repr=False)
    encryption_keys: tuple[str, ...] = field(repr=False)
    otp_keys: tuple[str, ...] = field(repr=False)
    debug: bool = False
    trusted_proxy_hops: int = 0
    session_idle: int = 2 * 3600
    session_lifetime: int = 12 * 3600
    security_contact: str | None = None
    redis_url: str | None = field(default=None, repr=False)
    public_url: str | None = None
    private_destinations: tuple[PrivateDestination, ...] = ()
    gateway_urls: Mapping[str, str] = field(default_factory=dict)
    ready_needs_worker: bool = False
    console_backend: bool = False
    retention: Retention = Retention()
    trusted_hosts: tuple[str, ...] = ()
    hsts_include_subdomains: bool = False
    require_second_factor: WhoNeeds = WhoNeeds.NONE
    metrics_token: str | None = field(default=None, repr=False)
    metrics_addresses: tuple[Network, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Config:
        """Read and validate every `NOTIFAPP_…` variable. Raise `ConfigError` for the first invalid one."""
        env = os.environ if environment is None else environment
        folder = instance_dir(env)
        debug = _boolean(env, "NOTIFAPP_DEBUG")
        private_destinations = _private_destinations(env)
        if debug:
            keys.generate_missing(folder)
        config = cls(
            database_url=_database_url(env, folder),
            instance_dir=folder,
            secret_key=_random_key(env, folder / keys.SECRET_KEY_FILE, "NOTIFAPP_SECRET_KEY"),
            encryption_keys=_encryption_keys(env, folder),
            otp_keys=_otp_keys(env, folder),
            debug=debug,
            trusted_proxy_hops=_integer(env, "NOTIFAPP_TRUSTED_PROXY_HOPS", default=0, least=0, most=10),
            session_idle=_integer(env, "NOTIFAPP_SESSION_IDLE", default=cls.session_idle, least=60, most=86400),
            session_lifetime=_integer(
                env, "NOTIFAPP_SESSION_LIFETIME", default=cls.session_lifetime, least=60, most=30 * 86400
            ),
            security_contact=_security_contact(env),
            redis_url=_redis_url(env),
            public_url=_public_url(env, debug),
            private_destinations=private_destinations,
            gateway_urls=_gateway_urls(env, private_destinations),
            ready_needs_worker=_boolean(env, "NOTIFAPP_READY_NEEDS_WORKER"),
            console_backend=debug or _boolean(env, "NOTIFAPP_CONSOLE_BACKEND"),
            retention=Retention.from_environment(env),
            trusted_hosts=_host_names(env, "NOTIFAPP_TRUSTED_HOSTS"),
            hsts_include_subdomains=_boolean(env, "NOTIFAPP_HSTS_INCLUDE_SUBDOMAINS"),
            require_second_factor=_who_needs_second_factor(env, debug),
            metrics_token=_metrics_token(env),
            metrics_addresses=_networks(env, "NOTIFAPP_METRICS_ADDRESSES"),
        )
        if not _boolean(env, "NOTIFAPP_ALLOW_PLAIN"):
            _refuse_plain_postgresql(env, make_url(config.database_url))
            _refuse_plain_redis(config.redis_url)
        return config


def _boolean(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").strip().lower()
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("", "0", "false", "no", "off"):
        return False
    raise ConfigError(f"{name} must be 1 or 0")


def _integer(env: Mapping[str, str], name: str, *, default: int, least: int, most: int) -> int:
    text = env.get(name, "").strip() or str(default)
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise ConfigError(f"{name} must be a whole number from {least} to {most}")
    return value


def _days(env: Mapping[str, str], name: str, default: int | None) -> int | None:
    """A number of days, or None for 0 and "never". A day is the least: the limits count what was sent within one."""
    text = env.get(name, "").strip().lower()
    if not text:
        return default
    if text == "never":
        return None
    try:
        days = int(text)
    except ValueError:
        days = -1
    if not 0 <= days <= MAX_RETENTION_DAYS:
        raise ConfigError(f"{name} must be a number of days from 1 to {MAX_RETENTION_DAYS}, or never")
    return days or None


def _host_names(env: Mapping[str, str], name: str) -> tuple[str, ...]:
    names = tuple(host for part in env.get(name, "").split(",") if (host := part.strip().lower()))
    if not all(map(_HOST_NAME.fullmatch, names)):
        raise ConfigError(f"{name} must list host names without scheme and port, such as desk.example.com,10.1.2.3")
    return names


def _metrics_token(env: Mapping[str, str]) -> str | None:
    name = "NOTIFAPP_METRICS_TOKEN"
    token = env.get(name, "").strip() or None
    if token is not None:
        _refuse_weak(token, name)
    return token


def _networks(env: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(ipaddress.ip_network(part) for part in env.get(name, "").replace(",", " ").split())
    except ValueError:
        raise ConfigError(f"{name} must list addresses or networks, such as 10.1.2.3,192.168.7.0/24,fd00::/8") from None


def _who_needs_second_factor(env: Mapping[str, str], debug: bool) -> WhoNeeds:
    default = WhoNeeds.NONE if debug else WhoNeeds.ADMINS
    try:
        return WhoNeeds(env.get("NOTIFAPP_REQUIRE_SECOND_FACTOR", "").strip().lower() or default)
    except ValueError:
        raise ConfigError("NOTIFAPP_REQUIRE_SECOND_FACTOR must be none, admins or all") from None


def _database_url(env: Mapping[str, str], folder: Path) -> str:
    text = env.get("NOTIFAPP_DATABASE_URL") or f"sqlite:///{folder / 'notifapp.sqlite3'}"
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigError("NOTIFAPP_DATABASE_URL is not a database URL") from None
    backend = url.get_backend_name()
    if backend in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    elif backend != "sqlite" or not url.database or url.database == ":memory:":
        raise ConfigError("NOTIFAPP_DATABASE_URL must be sqlite:///FILE or postgresql://…")
    return url.render_as_string(hide_password=False)


def _redis_url(env: Mapping[str, str]) -> str | None:
    text = env.get("NOTIFAPP_REDIS_URL", "").strip() or None
    try:
        ConnectionPool.from_url(text or "redis://")  # only parses; connects when first used
    except ValueError:
        raise ConfigError("NOTIFAPP_REDIS_URL must be redis://…, rediss://… or unix://…") from None
    return text


def _public_url(env: Mapping[str, str], debug: bool) -> str | None:
    """The address without its last slash. Gateways post receipts there, so it is https, except while debugging."""
    text = env.get("NOTIFAPP_PUBLIC_URL", "").strip().rstrip("/")
    schemes = "https?" if debug else "https"
    if text and not re.fullmatch(rf"{schemes}://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]+)?", text):
        raise ConfigError("NOTIFAPP_PUBLIC_URL must be the site's address, such as https://desk.example.com")
    return text or None


def _security_contact(env: Mapping[str, str]) -> str | None:
    text = env.get("NOTIFAPP_SECURITY_CONTACT", "").strip() or None
    if text and not re.fullmatch(r"mailto:[!-~]+@[!-~]+|https://[!-~]+", text):
        raise ConfigError("NOTIFAPP_SECURITY_CONTACT must be mailto:… or https://…")
    return text


def _random_key(env: Mapping[str, str], file: Path, name: str) -> str:
    key = env.get(name) or _from_file(file, name)
    _refuse_weak(key, name)
    return key


def _otp_keys(env: Mapping[str, str], folder: Path) -> tuple[str, ...]:
    """The keys, newest first; they are separated by commas or line breaks, because one may hold blanks."""
    name = "NOTIFAPP_OTP_KEY"
    text = env.get(name) or _from_file(folder / keys.OTP_KEY_FILE, name)
    listed = tuple(filter(None, (key.strip() for key in text.replace(",", "\n").splitlines())))
    for key in listed or ("",):
        _refuse_weak(key, name)
    return listed


def _refuse_weak(key: str, name: str) -> None:
    if len(key) < MIN_KEY_LENGTH or len(set(key)) < MIN_KEY_CHARACTERS:
        raise ConfigError(f"{name} is too weak: it needs at least {MIN_KEY_LENGTH} random characters")


def _encryption_keys(env: Mapping[str, str], folder: Path) -> tuple[str, ...]:
    name = "NOTIFAPP_ENCRYPTION_KEYS"
    text = env.get(name) or _from_file(folder / keys.ENCRYPTION_KEYS_FILE, name)
    listed = tuple(text.replace(",", " ").split())
    try:
        for key in listed:
            Fernet(key)
    except ValueError:
        raise ConfigError(f"{name} must hold Fernet keys, newest first, separated by commas") from None
    if not listed:
        raise ConfigError(f"{name} holds no key")
    return listed


def _from_file(path: Path, name: str) -> str:
    try:
        text = keys.read_private(path)
    except keys.KeyFileError as error:
        raise ConfigError(str(error)) from None
    if text is None:
        raise ConfigError(f"{name} is not set and {path} does not exist: set it, or run `flask --app app init`")
    return text


def _refuse_plain_postgresql(env: Mapping[str, str], url: URL) -> None:
    """Raise `ConfigError` if PostgreSQL is on another host and the connection may be without TLS.

    libpq takes from its own variables what the URL leaves out, and its default `sslmode` accepts clear text.
    """
    if url.get_backend_name() == "sqlite":
        return
    given = url.get_dialect()().create_connect_args(url)[1]
    hosts = given.get("hostaddr") or env.get("PGHOSTADDR") or given.get("host") or env.get("PGHOST") or ""
    remote = [host for host in hosts.split(",") if not _is_this_host(host)]
    is_tls = (given.get("sslmode") or env.get("PGSSLMODE")) in ("require", "verify-ca", "verify-full")
    if remote and not is_tls:
        raise ConfigError(
            f"NOTIFAPP_DATABASE_URL leads to {remote[0]} without TLS: add sslmode=verify-full to it, "
            "or set NOTIFAPP_ALLOW_PLAIN=1"
        )


def _refuse_plain_redis(url: str | None) -> None:
    """Raise `ConfigError` if Redis is on another host and the connection is without TLS."""
    pool = ConnectionPool.from_url(url or "redis://")
    host = pool.connection_kwargs.get("host") or ""
    if not (issubclass(pool.connection_class, SSLConnection) or _is_this_host(host)):
        raise ConfigError(
            f"NOTIFAPP_REDIS_URL leads to {host} without TLS: use rediss://…, or set NOTIFAPP_ALLOW_PLAIN=1"
        )


def _is_this_host(host: str) -> bool:
    """Whether a host is this one: a Unix socket's path, nothing, `localhost`, or a loopback address."""
    if not host or host.startswith(("/", "@")) or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _private_destinations(env: Mapping[str, str]) -> tuple[PrivateDestination, ...]:
    if _boolean(env, "NOTIFAPP_ALLOW_PRIVATE_DESTINATIONS"):
        raise ConfigError(
            "NOTIFAPP_ALLOW_PRIVATE_DESTINATIONS=1 is no more: list networks and ports, such as 10.1.2.3/32:25, in "
            "NOTIFAPP_PRIVATE_DESTINATIONS"
        )
    try:
        return destinations.parse(env.get("NOTIFAPP_PRIVATE_DESTINATIONS", ""))
    except ValueError as error:
        raise ConfigError(f"NOTIFAPP_PRIVATE_DESTINATIONS: {error}") from None


def _gateway_urls(env: Mapping[str, str], listed: tuple[PrivateDestination, ...]) -> dict[str, str]:
    name = "NOTIFAPP_GATEWAY_URLS"
    found: dict[str, str] = {}
    for entry in env.get(name, "").replace(",", " ").split():
        gateway, _, url = entry.partition("=")
        if gateway not in GATEWAYS or gateway in found:
            raise ConfigError(f"{name} must list each gateway once, as GATEWAY=URL; those are {', '.join(GATEWAYS)}")
        try:
            _check_gateway_url(url, listed)
        except ValueError as error:
            raise ConfigError(f"{name}: the address of {gateway} {error}") from None
        found[gateway] = url.rstrip("/")
    return found


def _check_gateway_url(url: str, listed: tuple[PrivateDestination, ...]) -> None:
    """Raise `ValueError` with what is wrong. What a host's name stands for is checked whenever it is called."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("must be https://HOST/PATH, or http:// to a private destination")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must have no user name, no ? and no #")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = destinations.literal_address(parts.hostname)
    is_private = address is not None and not destinations.is_public(address)
    if address is not None and is_private and not destinations.is_listed(address, port, listed):
        raise ValueError("is private: list it in NOTIFAPP_PRIVATE_DESTINATIONS")
    if parts.scheme == "http" and (not listed or (address is not None and not is_private)):
        raise ValueError("needs https: plain http goes to what NOTIFAPP_PRIVATE_DESTINATIONS lists alone")
