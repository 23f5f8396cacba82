"""Email over SMTP (RFC 5321), submitted with STARTTLS or TLS (RFC 8314) and verified certificates.

Connections are kept for a while: connecting, STARTTLS and login take much longer than sending a message.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from threading import Lock

from notifapp.channels import Channel
from notifapp.notifiers.gateway.base import Accepted, Backend, Fault, Kind, Message, SendFailed, setting
from notifapp.notifiers.gateway.names import Resolver
from notifapp.notifiers.gateway.network import (
    CLEAR_TEXT,
    KEEP_SECONDS,
    Call,
    check_host,
    may_get_clear_text,
    tls_context,
)

TIMEOUT_SECONDS = 15  # for each step
TOTAL_SECONDS = 30
_NO_ANSWER = {"connection", "timeout"}  # codes of failures in which the server said neither yes nor no
HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"


@dataclass(frozen=True, kw_only=True)
class SmtpConfig:
    """A mail server, an account on it, and the sender's address."""

    host: str = setting(
        "Host",
        destination=True,
        regex=HOST,
        regex_error="Enter a host name, such as smtp.example.com.",
        help="Such as smtp.example.com.",
    )
    port: int = setting(
        "Port",
        Kind.INTEGER,
        default=587,
        minimum=1,
        maximum=65535,
        destination=True,
        help="587, or 465 with TLS.",
    )
    username: str = setting(
        "User name",
        may_be_blank=True,
        destination=True,
        help="Leave it and the password blank for a relay without login.",
    )
    password: str = setting("Password", Kind.SECRET, may_be_blank=True, max_length=1024)
    from_email: str = setting("Sender's address", Kind.EMAIL, help="Recipients see it as the sender.")
    use_tls: bool = setting(
        "STARTTLS",
        Kind.BOOLEAN,
        default=True,
        destination=True,
        help="Encrypt after connecting. Usual on port 587.",
    )
    use_ssl: bool = setting(
        "TLS",
        Kind.BOOLEAN,
        default=False,
        destination=True,
        help="Encrypt from the start. Usual on port 465.",
    )
    fail_silently: bool = setting(
        "Fail silently",
        Kind.BOOLEAN,
        default=False,
        help="Messages that fail are recorded but not tried again.",
    )

    @property
    def is_clear_text(self) -> bool:
        """Whether nothing encrypts the connection."""
        return not (self.use_tls or self.use_ssl)


class Smtp(Backend[SmtpConfig]):
    """Plain text email through any mail server."""

    key = "smtp"
    label = "SMTP"
    description = "Email through any mail server."
    channels = frozenset({Channel.EMAIL})
    config = SmtpConfig

    def __init__(
        self,
        tls_context: Callable[[], ssl.SSLContext] = tls_context,
        resolve: Resolver = socket.getaddrinfo,
        total: float = TOTAL_SECONDS,
    ) -> None:
        self._tls_context = tls_context
        self._resolve = resolve
        self._total = total
        self._idle = _IdleSessions()

    def check(self, values: Mapping[str, object]) -> dict[str, list[str]]:
        """A login is whole; STARTTLS and TLS aren't both on; the destination is allowed, also for clear text."""
        errors = {}
        if values.get("username") and not values.get("password"):
            errors["password"] = ["Enter the password, too, or leave both it and the user name blank."]
        if values.get("password") and not values.get("username"):
            errors["username"] = ["Enter the user name, too, or leave both it and the password blank."]
        if values.get("use_tls") and values.get("use_ssl"):
            errors["use_ssl"] = ["STARTTLS (use_tls) and TLS (use_ssl) can't both be on."]
        host, port = values.get("host"), values.get("port")
        if not isinstance(host, str) or not isinstance(port, int):
            return errors
        try:
            check_host(host, port)
        except ValueError as error:
            return {**errors, "host": [str(error)]}
        is_clear_text = values.get("use_tls") is False and values.get("use_ssl") is False
        if is_clear_text and not may_get_clear_text(host, port, self._resolve):
            errors["use_tls"] = [f"Turn on STARTTLS (use_tls) or TLS (use_ssl). {CLEAR_TEXT}"]
        return errors

    def has_secret(self, name: str, settings: Mapping[str, object]) -> bool:
        """Whether there is a password: where there is a user name."""
        return bool(settings.get("username"))

    def send(self, config: SmtpConfig, message: Message) -> Accepted:
        """Send one message; its id is its Message-ID. A failure's code is the server's reply code."""
        with Call(self._total, self._resolve) as call:
            try:
                email = _compose(config, message)
                self._deliver(call, config, email)
                return Accepted(email["Message-ID"])
            except (OSError, UnicodeError, ValueError, smtplib.SMTPException) as error:
                failure = _failure(TimeoutError() if call.is_cut else error)
                failure.may_have_gone = call.is_begun and failure.code in _NO_ANSWER
            failure.retryable = failure.retryable and not config.fail_silently
            raise failure

    def _deliver(self, call: Call, config: SmtpConfig, email: EmailMessage) -> None:
        kept = self._idle.take(config)
        if kept is not None and self._send(kept, call, config, email):
            return
        self._send(self._open(call, config), call, config, email)

    def _send(self, session: _Session, call: Call, config: SmtpConfig, email: EmailMessage) -> bool:
        """Send through a session. Return False if the server had closed it before this email began."""
        try:
            call.hold(session.connection)
            session.send_message(email)
        except smtplib.SMTPServerDisconnected:
            call.is_begun = session.is_begun
            session.close()
            if session.is_begun or call.is_cut:
                raise
            return False
        except Exception:
            call.is_begun = session.is_begun
            session.close()
            raise
        self._idle.keep(config, session)
        return True

    def _open(self, call: Call, config: SmtpConfig) -> _Session:
        context = None if config.is_clear_text else self._tls_context()
        session = _Session(call, config, context)
        try:
            if config.use_tls:
                session.starttls(context=context)
            if config.username:
                session.login(config.username, config.password)
        except Exception:
            session.close()
            raise
        return session


class _Session(smtplib.SMTP):
    """smtplib's client, connected through a `Call`, with implicit TLS if so configured."""

    def __init__(self, call: Call, config: SmtpConfig, context: ssl.SSLContext | None) -> None:
        self.is_begun = False
        self._call = call
        self._tls_from_start = context if config.use_ssl else None
        self._is_clear_text = config.is_clear_text
        # The local host name is given, because smtplib would otherwise look it up in the DNS.
        super().__init__(config.host, config.port, _domain(config), timeout=TIMEOUT_SECONDS)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connected = self._call.connect(host, port, timeout, clear_text=self._is_clear_text)
        if self._tls_from_start is None:
            return connected
        return self._tls_from_start.wrap_socket(connected, server_hostname=host)

    @property
    def connection(self) -> socket.socket:
        """The connected socket. Raise `SMTPServerDisconnected` if the session is closed."""
        if self.sock is None:
            raise smtplib.SMTPServerDisconnected("the session is closed")
        return self.sock

    def mail(self, sender: str, options: Sequence[str] = ()) -> tuple[int, bytes]:
        """Begin an email; once the server has replied, it must not be retried on another connection."""
        self.is_begun = False
        reply = super().mail(sender, options)
        self.is_begun = True
        return reply


class _IdleSessions:
    """Idle sessions that can be reused, by their whole configuration, including the password."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sessions: defaultdict[SmtpConfig, list[tuple[float, _Session]]] = defaultdict(list)

    def take(self, config: SmtpConfig) -> _Session | None:
        """The most recently used session, or None if there is none or it has been idle for too long."""
        with self._lock:
            if not self._sessions[config]:
                return None
            idle_since, session = self._sessions[config].pop()
        if time.monotonic() - idle_since < KEEP_SECONDS:
            return session
        session.close()
        return None

    def keep(self, config: SmtpConfig, session: _Session) -> None:
        """Keep a session for reuse."""
        with self._lock:
            self._sessions[config].append((time.monotonic(), session))

    def __del__(self) -> None:
        for sessions in self._sessions.values():
            for _idle_since, session in sessions:
                session.close()


def _domain(config: SmtpConfig) -> str:
    return config.from_email.rpartition("@")[2].encode("idna").decode()


def _compose(config: SmtpConfig, message: Message) -> EmailMessage:
    email = EmailMessage()
    email["From"] = config.from_email
    email["To"] = message.recipient
    email["Subject"] = message.subject
    # The same on every attempt, so that a mailbox that got it twice can show it once.
    email["Message-ID"] = f"<{message.id}@{_domain(config)}>"
    email.set_content(message.body)
    return email


def _failure(error: Exception) -> SendFailed:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
        reason = "The recipient's address was not accepted."
        return SendFailed(reason, code=str(code), retryable=code < 500, fault=Fault.RECIPIENT)
    if isinstance(error, smtplib.SMTPResponseException):
        return _refusal(error)
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return SendFailed("The server closed the connection.", code="connection", retryable=True)
    if isinstance(error, smtplib.SMTPException):
        return SendFailed("The server doesn't offer what is needed (STARTTLS, login).", retryable=False)
    if isinstance(error, ssl.SSLError):
        return SendFailed("The server's certificate could not be verified.", code="tls", retryable=False)
    if isinstance(error, TimeoutError):
        return SendFailed("The server did not answer in time.", code="timeout", retryable=True)
    if isinstance(error, OSError):
        return SendFailed("The server could not be reached.", code="connection", retryable=True)
    return SendFailed("The message or the login can't be written as email.", retryable=False)


def _refusal(error: smtplib.SMTPResponseException) -> SendFailed:
    reasons: dict[type[smtplib.SMTPResponseException], str] = {
        smtplib.SMTPAuthenticationError: "The user name or the password was not accepted.",
        smtplib.SMTPSenderRefused: "The sender's address was not accepted.",
        smtplib.SMTPDataError: "The server refused the message.",
        smtplib.SMTPConnectError: "The server refused the connection.",
    }
    code = error.smtp_code
    reason = reasons.get(type(error), "The server refused the message.")
    return SendFailed(reason, code=str(code), retryable=not 500 <= code < 600)
