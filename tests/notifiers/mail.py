"""A mail server on loopback with STARTTLS or TLS and login, and the mailbox that it fills."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

PASSWORD = "pa55-w0rd"


class Mailbox:
    """Keeps what comes in; `reply` refuses at the step that it names."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.secured: list[bool] = []
        self.sessions: set[int] = set()
        self.reply: dict[str, str] = {}

    async def handle_MAIL(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return self.reply.get("MAIL", "250 OK")

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.reply.get("RCPT", "250 OK")

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append(envelope)
        self.sessions.add(id(session))
        assert server.transport is not None
        self.secured.append(server.transport.get_extra_info("sslcontext") is not None)
        return self.reply.get("DATA", "250 OK")

    def email(self) -> EmailMessage:
        [envelope] = self.envelopes
        assert isinstance(envelope.content, bytes)
        return message_from_bytes(envelope.content, policy=policy.default)


class LoopbackController(Controller):
    """A controller on a port that the system picks, which hangs up on its clients when it stops."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        self._sessions.append(super().factory())  # type: ignore[no-untyped-call]
        return self._sessions[-1]

    def stop(self, no_assert: bool = False) -> None:
        asyncio.run_coroutine_threadsafe(self._hang_up(), self.loop).result(5)
        super().stop(no_assert)

    async def _hang_up(self) -> None:
        for session in self._sessions:
            if session.transport is not None:
                assert isinstance(session.transport, asyncio.Transport)
                session.transport.abort()
        await asyncio.sleep(0.01)

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object) -> AuthResult:
    assert isinstance(data, LoginPassword)
    return AuthResult(success=data.login == b"shop" and data.password == PASSWORD.encode(), handled=False)


@contextmanager
def server(
    mailbox: Mailbox, ca: trustme.CA, *, tls: bool = False, starttls: bool = True, port: int = 0, login: bool = True
) -> Iterator[int]:
    """A mail server on loopback that asks for a login, or is a relay that offers none; yields its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    options: dict[str, Any] = {"server_hostname": "localhost"}
    if login:
        options |= {"authenticator": authenticate, "auth_required": True}
    if tls:
        options |= {"ssl_context": context, "auth_require_tls": False}
    elif starttls:
        options |= {"tls_context": context, "require_starttls": True}
    else:
        options |= {"auth_require_tls": False}
    controller = LoopbackController(mailbox, "127.0.0.1", port, **options)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()
