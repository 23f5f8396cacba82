"""Email over SMTP (RFC 5321), submission with STARTTLS or TLS (RFC 8314), certificates verified."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import make_msgid

from notifapp.notifiers.backends.base import Backend, Kind, Message, Receipt, SendFailed, setting
from notifapp.notifiers.channels import Channel

TIMEOUT_SECONDS = 15
HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*"


@dataclass(frozen=True, kw_only=True)
class SmtpConfig:
    """A mail server, an account on it, and the sender's address."""

    host: str = setting(
        "Host",
        destination=True,
        pattern=HOST,
        pattern_error="Enter a host name, such as smtp.example.com.",
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
    username: str = setting("User name", destination=True)
    password: str = setting("Password", Kind.SECRET, max_length=1024)
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
        help="A message that fails is recorded, and not tried again.",
    )


class Smtp(Backend[SmtpConfig]):
    """Plain text email through any mail server."""

    key = "smtp"
    label = "SMTP"
    description = "Email through any mail server."
    channels = frozenset({Channel.EMAIL})
    config = SmtpConfig

    def __init__(self, tls_context: Callable[[], ssl.SSLContext] = ssl.create_default_context) -> None:
        self._tls_context = tls_context

    def check(self, values: Mapping[str, object]) -> dict[str, list[str]]:
        """STARTTLS and TLS from the start exclude each other."""
        if values.get("use_tls") and values.get("use_ssl"):
            return {"use_ssl": ["STARTTLS (use_tls) and TLS (use_ssl) can't both be on."]}
        return {}

    def send(self, config: SmtpConfig, message: Message) -> Receipt:
        """Send one message; the receipt is its Message-ID. A failure's code is the server's reply code."""
        try:
            email = _compose(config, message)
            self._deliver(config, email)
        except (OSError, UnicodeError, ValueError, smtplib.SMTPException) as error:
            failure = _failure(error)
            failure.retryable = failure.retryable and not config.fail_silently
            raise failure from None
        return Receipt(email["Message-ID"])

    def _deliver(self, config: SmtpConfig, email: EmailMessage) -> None:
        with self._connect(config) as server:
            if config.use_tls:
                server.starttls(context=self._tls_context())
            server.login(config.username, config.password)
            server.send_message(email)

    def _connect(self, config: SmtpConfig) -> smtplib.SMTP:
        # Named here because smtplib would otherwise look its own host name up in the DNS.
        name = _domain(config)
        if config.use_ssl:
            return smtplib.SMTP_SSL(
                config.host, config.port, name, timeout=TIMEOUT_SECONDS, context=self._tls_context()
            )
        return smtplib.SMTP(config.host, config.port, name, timeout=TIMEOUT_SECONDS)


def _domain(config: SmtpConfig) -> str:
    return config.from_email.rpartition("@")[2].encode("idna").decode()


def _compose(config: SmtpConfig, message: Message) -> EmailMessage:
    email = EmailMessage()
    email["From"] = config.from_email
    email["To"] = message.recipient
    email["Subject"] = message.subject
    email["Message-ID"] = make_msgid(domain=_domain(config))
    email.set_content(message.body)
    return email


def _failure(error: Exception) -> SendFailed:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code = next(iter(error.recipients.values()))[0]
        return SendFailed("The recipient's address was not accepted.", code=str(code), retryable=code < 500)
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
