"""The far ends of the demo: local Slack, PagerDuty and mail server, and what they received as pages."""

from __future__ import annotations

import contextlib
import html
import json
from types import TracebackType
from typing import Self

from driftbell.demo.pages import Channel, Pages
from driftbell.fakes.pagerduty import Event, Incident, PagerDuty
from driftbell.fakes.slack import Slack, SlackMessage
from driftbell.fakes.smtp import Mail, Smtp

#: The value that the router's messages carry where they close an incident: Slack's metadata, the mail's X-Driftbell-Kind.
CLOSE = "resolve"


class Mailroom:
    """The three services; an async context manager, inside of which they have their addresses."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.slack = Slack(on_message=self._slack)
        self.pagerduty = PagerDuty(on_event=self._pagerduty)
        self.smtp = Smtp(on_mail=self._mail)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            for service in (self.slack, self.pagerduty, self.smtp):
                await stack.enter_async_context(service)
            self._started = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._started.aclose()

    def refusals(self) -> list[str]:
        """What was sent that the real services would not have taken."""
        slack = [f"Slack, {call.method}: {call.result}" for call in self.slack.calls if call.result != "ok"]
        pagerduty = [f"PagerDuty: {event.body}" for event in self.pagerduty.events if event.effect == "refused"]
        return [*slack, *pagerduty, *(f"email: {violation}" for violation in self.smtp.violations)]

    def _slack(self, what: str, message: SlackMessage) -> None:
        if message.thread_ts is not None:
            return  # the history in the thread; the message itself is the page
        # The text is the sentence, escaped, and the state in parentheses.
        headline = html.unescape(message.text.rpartition(" (")[0] or message.text)
        if message.metadata.get("event_payload", {}).get("kind") == CLOSE:
            self._pages.resolved(Channel.SLACK, message.ts)
        else:
            self._pages.firing(Channel.SLACK, message.ts, headline, message.everything)

    def _pagerduty(self, event: Event, incident: Incident | None) -> None:
        if incident is None:
            return
        if event.effect == "resolved":
            self._pages.resolved(Channel.PAGERDUTY, incident.dedup_key)
        else:
            self._pages.firing(
                Channel.PAGERDUTY, incident.dedup_key, incident.summary, json.dumps(event.body, ensure_ascii=False)
            )

    def _mail(self, mail: Mail) -> None:
        if mail.message["X-Driftbell-Kind"] == CLOSE:
            self._pages.resolved(Channel.EMAIL, mail.thread)
        else:
            subject = str(mail.message["Subject"])
            # Mails of one thread keep its subject; an update says first what heads it now.
            text = mail.text.partition("\n")[0].strip() if subject.startswith("Re: ") else subject
            self._pages.firing(Channel.EMAIL, mail.thread, text, mail.text, mail.picture)
