"""A PagerDuty to page during the runs, and what its incidents must be."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Collection, Iterable
from types import TracebackType
from typing import Any, Self

from driftbell.fakes.pagerduty import PagerDuty
from driftbell.schemas import Alert, to_epoch_ms

#: From a decision in stream time to the router's hearing of it, at most.
HEARD_SECONDS = 3.0

#: Published within this time, the beginning of an alert and its end may be read at once.
TOGETHER_MS = 1000

ROUTING_KEY = "0123456789abcdef0123456789abcdef"

#: Fingerprint and number of the episode.
Episode = tuple[str, int]


class Pager:
    """The fake service in a thread of its own; a context manager."""

    def __init__(self) -> None:
        self.service = PagerDuty()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="pager", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.service.start(), self._loop).result(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self.service.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def router(self) -> dict[str, Any]:
        """The router's configuration: every alert is an incident of its own, at once."""
        # By the alert's own sentence they are told apart; a page's headline says less.
        pager = {"routing_key": ROUTING_KEY, "description": "{{ alerts[0].annotations.summary }}"}
        return {
            "global": {"pagerduty_url": self.service.url},
            "route": {"receiver": "pager", "group_by": ["..."], "group_wait": 0, "group_interval": 1},
            "receivers": [{"name": "pager", "pagerduty_configs": [pager]}],
            "session_timeout": 6,
        }

    @staticmethod
    def over_before_heard(alerts: Iterable[Alert], since: float, until: float) -> set[Episode]:
        """Alerts that fired and were over while no router ran: nobody is woken for what is over.

        Those that touch an end of that time may have been heard or not; they count too.
        """
        fired: dict[Episode, float] = {}
        found: set[Episode] = set()
        for alert in sorted(alerts, key=lambda a: (a.updatedAt, a.status)):
            episode, at = (alert.fingerprint, alert.episode), to_epoch_ms(alert.updatedAt) / 1000
            if alert.status == "firing":
                fired[episode] = at
            elif alert.status == "resolved":
                began = fired.get(episode)
                if began is not None and began >= since - HEARD_SECONDS and at <= until + HEARD_SECONDS:
                    found.add(episode)
        return found

    @staticmethod
    def over_when_heard(published: Iterable[tuple[int, Alert]]) -> set[Episode]:
        """Alerts whose end was published together with their beginning, by a worker that catches up after a fault.

        Args:
            published: each record of the alerts topic, with the epoch ms of its publication.
        """
        first: dict[str, dict[Episode, int]] = {"firing": {}, "resolved": {}}
        for at_ms, alert in published:
            if alert.status in first:
                first[alert.status].setdefault((alert.fingerprint, alert.episode), at_ms)
        return {
            episode
            for episode, at_ms in first["firing"].items()
            if episode in first["resolved"] and first["resolved"][episode] - at_ms < TOGETHER_MS
        }

    def differences(self, alerts: Iterable[Alert], unheard: Collection[Episode] = ()) -> list[str]:
        """What is wrong with the incidents, given every alert transition that was decided.

        The alerts of ``unheard`` may or may not have been told.
        """
        fired: dict[Episode, str] = {}
        open_: set[str] = set()
        alone, several = _by_speakers(alerts)
        for alert in sorted(alone, key=lambda a: (a.episode, a.updatedAt)):
            if alert.status == "firing":
                fired[alert.fingerprint, alert.episode] = alert.annotations["summary"]
                open_.add(alert.fingerprint)
            elif alert.status == "resolved":
                open_.discard(alert.fingerprint)
        of_several = {alert.annotations["summary"] for alert in several}
        incidents = [i for i in self.service.incidents if i.events[0]["payload"]["summary"] not in of_several]
        paged = Counter(incident.events[0]["payload"]["summary"] for incident in incidents)
        found: list[str] = []
        for episode, summary in fired.items():
            if paged[summary]:
                paged[summary] -= 1
            elif episode not in unheard:
                found.append(f"never paged: {summary}")
        found += [f"paged for nothing: {summary}" for summary in paged.elements()]
        found += [f"paged {i.triggers} times: {i.summary}" for i in incidents if i.triggers > 1]
        still = [incident for incident in incidents if incident.closed is None]
        if len(still) != len(open_):
            found.append(f"{len(open_)} alerts still fire, {len(still)} incidents are open")
        found += self._several_differences(several)
        found += [f"{e.effect}: {e.body}" for e in self.service.events if e.effect in {"dropped", "refused"}]
        return found

    def _several_differences(self, alerts: Iterable[Alert]) -> list[str]:
        """Of what several partitions say at the same time there is one incident, over when it is over in all of them."""
        told: dict[str, list[Alert]] = {}
        for alert in alerts:
            told.setdefault(alert.fingerprint, []).append(alert)
        found: list[str] = []
        for of_one in told.values():
            first = of_one[0]
            name = f"{first.labels['alertname']} {first.labels.get('topic')} {first.labels.get('problem')}"
            summaries = {alert.annotations["summary"] for alert in of_one}
            mine = [i for i in self.service.incidents if i.events[0]["payload"]["summary"] in summaries]
            if len(mine) != 1:
                found.append(f"{name}: {len(mine)} incidents")
            last = {alert.partition: alert.status for alert in sorted(of_one, key=lambda a: (a.episode, a.updatedAt))}
            over = all(status == "resolved" for status in last.values())
            found += [f"{name}: over is {over}, but closed {i.closed}" for i in mine if (i.closed is not None) != over]
        return found


def _by_speakers(alerts: Iterable[Alert]) -> tuple[list[Alert], list[Alert]]:
    """The alerts of which one partition speaks, and those of which several do."""
    known = list(alerts)
    speakers: dict[str, set[int | None]] = {}
    for alert in known:
        speakers.setdefault(alert.fingerprint, set()).add(alert.partition)
    several = {fingerprint for fingerprint, partitions in speakers.items() if len(partitions) > 1}
    return [a for a in known if a.fingerprint not in several], [a for a in known if a.fingerprint in several]
