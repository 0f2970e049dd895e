"""Apprise: one message for each change of an incident, to one of the services that the library knows.

Contract: Apprise 2.3 (``Apprise.instantiate``, ``Apprise.notify`` and its ``AppriseResult``). It says whether a service took a
message, and in words why not: where its words name an HTTP status, that decides; all else is an unknown outcome.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from driftbell.alerting.channels.apprise.text import texts
from driftbell.alerting.channels.channel import Rate, send_or_minimal
from driftbell.alerting.channels.http import classify
from driftbell.alerting.channels.secrets import SecretSource, fingerprint, redact
from driftbell.alerting.errors import SecretError
from driftbell.alerting.outbox.delivery import Delivery
from driftbell.alerting.outbox.outcome import Outcome, OutcomeReason, failed, sent
from driftbell.alerting.rendering.message import Message, compose, minimal
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.rendering.text import one_line, truncate
from driftbell.alerting.state.records import Kind, Severity
from driftbell.runtime.config.rules import BadSetting

#: Apprise gives a request 4 s to connect and 4 s to answer; some services need several.
SECONDS = 15.0
#: What the library has of the time: it can say more than that there was no answer.
_SHARE = 0.9
#: Nobody knows the limits of all services.
PER_SECOND = 1.0
BURST = 5

#: Services write their HTTP answers into the log like this.
_STATUS = re.compile(r"error=(\d{3})\b")
_TYPES = {Severity.CRITICAL: "failure", Severity.ERROR: "failure", Severity.WARNING: "warning", Severity.INFO: "info"}


class AppriseChannel:
    """One URL of Apprise's. The library waits in its calls, so it has a thread of its own.

    ``repeatable``: no service recognises a repeated message.
    """

    repeatable = False
    in_flight = 1

    def __init__(
        self,
        url: SecretSource,
        *,
        title: Template | None = None,
        body: Template | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._url = url
        self._title = title
        self._body = body
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, "apprise")
        self.rate: Rate | None = Rate(f"apprise:{_name(url)}", PER_SECOND, BURST)

    async def send(self, delivery: Delivery) -> Outcome:
        """See ``Channel.send``."""
        try:
            url = self._url.read()
        except SecretError as error:
            return failed(OutcomeReason.SECRET_MISSING, str(error))
        service = await self._aside(_service, url)
        if isinstance(service, Outcome):
            return service
        limits = (int(service.title_maxlen), int(service.body_maxlen))
        kind = "success" if delivery.kind is Kind.RESOLVE else _TYPES[delivery.notification.severity]

        def full() -> tuple[str, str]:
            message = compose(delivery.notification, delivery.incident, delivery.kind)
            return texts(delivery, message, limits, self._title, self._body)

        def least() -> tuple[str, str]:
            message: Message = minimal(delivery.notification, delivery.incident, delivery.kind)
            return texts(delivery, message, limits, None, None)

        async def attempt(text: tuple[str, str]) -> Outcome:
            found = await self._aside(_notify, service, url, text, kind, _SHARE * self._seconds)
            return found if isinstance(found, Outcome) else sent()

        return await send_or_minimal(full, least, attempt)

    async def close(self) -> None:
        """Do not wait for a call that hangs."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _aside(self, call: Any, *arguments: Any) -> Any:
        """What ``call`` returns, or that no answer came: the library's own time-outs are not relied upon."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._seconds):
                return await loop.run_in_executor(self._thread, functools.partial(call, *arguments))
        except TimeoutError:
            return failed(OutcomeReason.NO_ANSWER, f"no answer within {self._seconds:g} s")


def service_problems(url: str) -> Iterator[BadSetting]:
    """What is wrong with a URL that Apprise itself does not take, in words without it."""
    if _instance(url) is None:
        yield BadSetting((), "Apprise does not know such a URL", "its documentation has the form for each service")


def _service(url: str) -> Any:
    found = _instance(url)
    if found is None:
        return failed(OutcomeReason.DESTINATION_GONE, "Apprise does not know such a URL")
    return found


def _instance(url: str) -> Any:
    import apprise

    # Their logs have URLs in them; what Apprise says of a failure is in its result.
    library = logging.getLogger("apprise")
    library.propagate = False
    if not library.handlers:
        library.addHandler(logging.NullHandler())
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    asset: Any = apprise.AppriseAsset(app_id="driftbell", app_desc="driftbell", storage_mode="memory")
    asset.interpret_emojis = False
    return apprise.Apprise.instantiate(url, asset=asset)


def _notify(service: Any, url: str, text: tuple[str, str], kind: str, seconds: float) -> Outcome:
    import apprise

    sender: Any = apprise.Apprise()
    sender.add(service)
    title, body = text
    result = sender.notify(
        body=body, title=title, notify_type=kind, body_format="text", interpret_escapes=False, timeout=seconds
    )
    if result:
        return sent()
    said = one_line("; ".join(entry.message for entry in result.logs()))
    detail = truncate(redact(said, (url,)), 500) or f"Apprise says {result.status.name.lower()}"
    statuses = [int(status) for status in _STATUS.findall(said)]
    if result.status.name == "FAILURE" and statuses:
        reason = classify(statuses[-1])
        return failed(OutcomeReason.CLIENT_ERROR if reason is OutcomeReason.SENT else reason, detail)
    return failed(OutcomeReason.NO_ANSWER, detail)


def _name(url: SecretSource) -> str:
    try:
        return fingerprint(url.read())
    except SecretError:
        return url.file or url.variable or "unknown"
