"""Email over SMTP: a mail counts as sent when the server answers 250 to the end of its data.

RFC 5321 (SMTP), 5322 (headers), 3834 (``Auto-Submitted``). One connection per delivery: servers drop idle ones.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import aiosmtplib

from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.email.message import Letter, compose_letter, compose_minimal
from driftbell.alerting.channels.secrets import SecretSource, redact
from driftbell.alerting.errors import SecretError
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.pictures.picture import PICTURES
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.rendering.text import one_line, truncate

#: Seconds per step of the dialogue. RFC 5321 4.5.3.2 allows minutes; a pager does not wait that long, it tries again.
STEP_SECONDS = 15.0

#: Implicit TLS (RFC 8314); any other port begins in clear and asks for STARTTLS.
IMPLICIT_TLS_PORT = 465

#: What servers say when they want less mail: 4.7.28 and 4.7.65x of the large providers, and common words.
_LIMITED = re.compile(r"\b4\.7\.(?:28|650|651|652)\b|too (?:many|much|fast)|\brate\b|throttl", re.IGNORECASE)

_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Smarthost:
    """The server and how to talk to it."""

    host: str
    port: int
    require_tls: bool = True
    hello: str | None = None
    username: str | None = None
    password: SecretSource | None = None
    tls_ca_file: str | None = None
    step_seconds: float = STEP_SECONDS


class EmailChannel:
    """Mails to a fixed list of recipients.

    A repeat has the same ``Message-ID``, so mailboxes may recognise it, but need not: ``repeatable`` is false.

    Raises:
        OSError: ``tls_ca_file`` cannot be read (``ssl.SSLError`` is one).
    """

    repeatable = False
    in_flight = 2
    rate: Rate | None = None

    def __init__(
        self,
        smarthost: Smarthost,
        sender: str,
        recipients: Sequence[str],
        *,
        headers: dict[str, Template] | None = None,
        text: Template | None = None,
    ) -> None:
        self._smarthost = smarthost
        self._sender = sender
        self._recipients = tuple(recipients)
        self._headers = headers or {}
        self._text = text
        encrypted = smarthost.require_tls or smarthost.port == IMPLICIT_TLS_PORT
        # Made once: loading the machine's certificates takes tens of milliseconds.
        self._tls = ssl.create_default_context(cafile=smarthost.tls_ca_file) if encrypted else None

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``. The handle remembers who has the delivery already, if some recipients were refused."""
        done = _done(delivery)
        missing = [address for address in self._recipients if address not in done]

        picture = None if self._text is not None else await PICTURES.of(delivery)

        async def attempt(letter: Letter) -> Outcome:
            return await self._attempt(letter, missing, done, delivery.id)

        return await send_or_minimal(
            lambda: compose_letter(delivery, self._sender, self._recipients, self._headers, self._text, picture),
            lambda: compose_minimal(delivery, self._sender, self._recipients),
            attempt,
        )

    async def close(self) -> None:
        """Nothing to let go of."""

    async def _attempt(self, letter: Letter, recipients: Sequence[str], done: frozenset[str], delivery: str) -> Outcome:
        host = self._smarthost
        try:
            password = host.password.read() if host.password else ""
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))
        dialogue = _Dialogue(host, password, self._tls)
        try:
            refused = await dialogue.run(letter, recipients)
        except (aiosmtplib.SMTPException, OSError, ssl.SSLError, ValueError) as error:
            return dialogue.judge(error)
        if not refused:
            return sent({})
        accepted = [address for address in recipients if address not in refused]
        handle = {"delivery": delivery, "done": ",".join([*sorted(done), *accepted])}
        # One passing refusal makes the whole delivery worth another attempt, for the refused recipients only.
        passing = any(code < 500 for code, _ in refused.values())
        detail = "; ".join(f"{address}: {code} {text}" for address, (code, text) in refused.items())
        reason = OutcomeReason.SERVER_ERROR if passing else OutcomeReason.DESTINATION_GONE
        if any(_too_many(code, text) for code, text in refused.values()):
            reason = OutcomeReason.RATE_LIMITED
        outcome = failed(reason, truncate(redact(one_line(detail), (password,)), 500))
        return Outcome(outcome.reason, outcome.retry, None, outcome.detail, handle)


class _Dialogue:
    """One SMTP session, which knows how far it came, because that decides what a failure means."""

    def __init__(self, host: Smarthost, password: str, tls: ssl.SSLContext | None) -> None:
        self._host = host
        self._password = password
        self._tls = tls
        self._phase = "connect"

    async def run(self, letter: Letter, recipients: Sequence[str]) -> dict[str, tuple[int, str]]:
        """Send the letter. Returns the refused recipients with code and text; empty when all were accepted.

        Raises:
            aiosmtplib.SMTPException, OSError, ValueError: ``judge`` knows what it means.
        """
        host = self._host
        implicit = host.port == IMPLICIT_TLS_PORT
        client = aiosmtplib.SMTP(
            hostname=host.host,
            port=host.port,
            use_tls=implicit,
            start_tls=host.require_tls and not implicit,
            local_hostname=host.hello,
            timeout=host.step_seconds,
            tls_context=self._tls,
        )
        try:
            await client.connect()
            if host.username:
                self._phase = "login"
                if not (host.require_tls or implicit or host.host in _LOCAL):
                    raise aiosmtplib.SMTPAuthenticationError(535, "refused to send a password without TLS")
                await client.login(host.username, self._password)
            self._phase = "sender"
            await client.mail(letter.sender)
            self._phase = "recipients"
            refused: dict[str, tuple[int, str]] = {}
            for address in recipients:
                try:
                    await client.rcpt(address)
                except aiosmtplib.SMTPRecipientRefused as error:
                    refused[address] = (error.code, error.message)
            if len(refused) < len(recipients):
                self._phase = "data"
                await client.data(letter.content)
            self._phase = "done"
            return refused
        finally:
            await _leave(client)

    def judge(self, error: Exception) -> Outcome:
        """What a failure in the current phase means."""
        detail = redact(one_line(f"{self._phase}: {type(error).__name__}: {error}"), (self._password,))
        detail = truncate(detail, 500)
        return failed(self._reason(error), detail)

    def _reason(self, error: Exception) -> OutcomeReason:
        if isinstance(error, aiosmtplib.SMTPResponseException) and error.code > 0:
            if error.code < 500:
                return (
                    OutcomeReason.RATE_LIMITED if _too_many(error.code, error.message) else OutcomeReason.SERVER_ERROR
                )
            by_phase = {"login": OutcomeReason.AUTH_ERROR, "data": OutcomeReason.CONTENT_REJECTED}
            return by_phase.get(self._phase, OutcomeReason.CLIENT_ERROR)
        if self._phase == "data":
            return OutcomeReason.NO_ANSWER
        # The base class alone: the server offers no way to log in.
        if self._phase == "login" and type(error) is aiosmtplib.SMTPException:
            return OutcomeReason.AUTH_ERROR
        return OutcomeReason.CONNECTION_FAILED


def _too_many(code: int, text: str) -> bool:
    """Whether a passing refusal is about how much is sent: SMTP has no code of its own for it, only words."""
    return code < 500 and _LIMITED.search(text) is not None


async def _leave(client: aiosmtplib.SMTP) -> None:
    # Accepted is accepted: a server that answers QUIT badly, or not at all, changes nothing.
    try:
        if client.is_connected:
            await client.quit(timeout=1.0)
    except (aiosmtplib.SMTPException, OSError):
        pass
    finally:
        client.close()


def _done(delivery: Delivery) -> frozenset[str]:
    handle = delivery.incident.handle
    if handle.get("delivery") != delivery.id:
        return frozenset()
    return frozenset(filter(None, handle.get("done", "").split(",")))
