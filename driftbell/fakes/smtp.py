"""A fake mail server on aiosmtpd: it accepts, refuses or fails by script, and checks what RFC 5322 asks of a mail."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from driftbell.fakes.faults import Fault, Faults

#: RFC 5322 2.1.1.
MAX_LINE = 998

_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "MIME-Version", "Reply-To")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail that was accepted."""

    at: float
    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    raw: bytes

    @property
    def thread(self) -> str:
        """What mail readers thread by."""
        return str(self.message["References"] or self.message["Message-ID"]).strip()

    @property
    def text(self) -> str:
        """The plain text body."""
        body = self.message.get_body(("plain",))
        return "" if body is None else body.get_content()

    @property
    def picture(self) -> bytes:
        """The first picture in it; empty without one."""
        parts = (part for part in self.message.walk() if part.get_content_type() == "image/png")
        found = next(parts, None)
        return b"" if found is None else found.get_payload(decode=True)  # type: ignore[return-value]


@dataclass(slots=True)
class Smtp:
    """The fake server; use as ``async with``. It runs on the caller's event loop.

    ``faults`` apply to the end of the data: ``answer`` replies with ``status`` and ``body`` (an SMTP code), ``lose``
    takes the mail and drops the connection, ``drop`` and ``hang`` do not take it.
    """

    on_mail: Callable[[Mail], None] | None = None
    #: Replies to RCPT by recipient: "550 no such user"; each is used up by one refusal if it ends with " once".
    refuse: dict[str, str] = field(default_factory=dict)
    #: Offer STARTTLS, and insist on it.
    tls: ssl.SSLContext | None = None
    #: The login that is required.
    username: str | None = None
    password: str | None = None
    mails: list[Mail] = field(default_factory=list)
    #: What RFC 5322 has against mails that came; they were answered 554.
    violations: list[str] = field(default_factory=list)
    faults: Faults = field(default_factory=Faults)
    #: Connections so far.
    sessions: int = 0
    port: int = 0
    _server: asyncio.Server | None = None
    _transports: list[Any] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    @property
    def address(self) -> str:
        """What ``smarthost`` must be."""
        return f"127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        """Listen; a stopped fake can be started again on its old ``port``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop connections."""
        if self._server is not None:
            self._server.close()
            for transport in self._transports:
                transport.close()
            await self._server.wait_closed()
            self._server = None

    def _protocol(self) -> SMTP:
        self.sessions += 1
        with warnings.catch_warnings():
            # aiosmtpd warns of passwords without TLS; on the loopback of one process there is nobody to listen.
            warnings.simplefilter("ignore")
            return SMTP(
                _Mailbox(self),
                hostname="fake.driftbell.invalid",
                tls_context=self.tls,
                require_starttls=self.tls is not None,
                authenticator=self._authenticate if self.username else None,
                auth_required=self.username is not None,
                auth_require_tls=self.tls is not None,
                enable_SMTPUTF8=True,
                loop=asyncio.get_running_loop(),
            )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        expected = LoginPassword((self.username or "").encode(), (self.password or "").encode())
        # Not "handled" means that aiosmtpd sends the 535.
        return AuthResult(success=data == expected, handled=False)


class _Mailbox:
    """aiosmtpd calls these by name."""

    def __init__(self, fake: Smtp) -> None:
        self._fake = fake

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if server.transport is not None:
            self._fake._transports.append(server.transport)
        answer = self._fake.refuse.get(address)
        if answer is not None:
            if answer.endswith(" once"):
                del self._fake.refuse[address]
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        fault = self._fake.faults.next()
        if fault is not None and fault.kind != "lose":
            return await self._fail(server, fault)
        raw = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        message = email.message_from_bytes(raw, policy=email.policy.default)
        found = violations(message, raw)
        if found:
            self._fake.violations += found
            return f"554 5.6.0 {found[0]}"
        mail = Mail(time.time(), envelope.mail_from or "", tuple(envelope.rcpt_tos), message, raw)
        self._fake.mails.append(mail)
        if self._fake.on_mail is not None:
            self._fake.on_mail(mail)
        if fault is not None:
            return self._drop(server)
        return "250 OK: queued"

    async def _fail(self, server: SMTP, fault: Fault) -> str:
        if fault.kind == "answer":
            return f"{fault.status} {fault.body or 'scripted'}"
        if fault.kind == "hang":
            await asyncio.sleep(3600)
        return self._drop(server)

    @staticmethod
    def _drop(server: SMTP) -> str:
        if server.transport is not None:
            transport: Any = server.transport
            transport.abort()
        return "451 dropped"


def violations(message: Any, raw: bytes) -> list[str]:
    """What is wrong with a mail by RFC 5322, and with its threading."""
    found = [f"header {name} is there {len(values)} times" for name, values in _repeated(message).items()]
    found += [f"header {name} is missing" for name in ("From", "To", "Date", "Message-ID") if name not in message]
    if any(len(line) > MAX_LINE for line in raw.split(b"\r\n")):
        found.append(f"a line is longer than {MAX_LINE}")
    if b"=?" in raw.split(b"\r\n\r\n", 1)[0].replace(b"Subject: =?", b""):
        found += [f"{name} is encoded" for name in ("References", "In-Reply-To", "Message-ID") if _encoded(raw, name)]
    return found


def _repeated(message: Any) -> dict[str, list[Any]]:
    return {name: message.get_all(name) for name in _ONCE if len(message.get_all(name, [])) > 1}


def _encoded(raw: bytes, name: str) -> bool:
    head = raw.split(b"\r\n\r\n", 1)[0].replace(b"\r\n ", b" ")
    return any(line.lower().startswith(name.lower().encode() + b":") and b"=?" in line for line in head.split(b"\r\n"))
