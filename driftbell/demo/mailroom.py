"""The far ends of the demo: local Slack, PagerDuty and mail server, and what they received as pages."""

from __future__ import annotations

import json

from driftbell.demo.pages import Channel, Pages
from driftbell.fakes.pagerduty import Event, Incident, PagerDuty
from driftbell.fakes.slack import Message, Slack
from driftbell.fakes.smtp import Mail, Smtp

#: The value that the router's messages carry where they close an incident: Slack's metadata, the mail's X-Driftbell-Kind.
CLOSE = "resolve"


class Mailroom:
    """The three services; ``start`` before their addresses are asked for."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self.slack = Slack(on_message=self._slack)
        self.pagerduty = PagerDuty(on_event=self._pagerduty)
        self.smtp = Smtp(on_mail=self._mail)
        #: What was sent that the real services would not have taken.
        self.refused: list[str] = []

    async def start(self) -> None:
        """Listen on free ports."""
        await self.slack.start()
        await self.pagerduty.start()
        await self.smtp.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self.smtp.stop()
        await self.pagerduty.stop()
        await self.slack.stop()

    def look(self) -> list[str]:
        """What was refused so far, by all three."""
        calls = [f"Slack, {call.method}: {call.result}" for call in self.slack.calls if call.result != "ok"]
        return [*calls, *self.refused, *(f"email: {violation}" for violation in self.smtp.violations)]

    def _slack(self, what: str, message: Message) -> None:
        if message.thread_ts is not None:
            return  # the history in the thread; the message itself is the page
        headline, _, _ = message.text.partition("\n")
        if message.metadata.get("event_payload", {}).get("kind") == CLOSE:
            self._pages.resolved(Channel.SLACK, message.ts)
        else:
            self._pages.firing(Channel.SLACK, message.ts, headline, message.everything)

    def _pagerduty(self, event: Event, incident: Incident | None) -> None:
        if event.effect == "refused":
            self.refused.append(f"PagerDuty: {json.dumps(event.body)[:200]}")
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
            self._pages.firing(Channel.EMAIL, mail.thread, str(mail.message["Subject"]), mail.text)
