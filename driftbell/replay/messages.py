"""How many messages people would have had: the alerts go through the router's own routing and grouping. Pure."""

from __future__ import annotations

from collections import Counter

from msgspec import structs

from driftbell.alerting.incidents.configured import dispatch_of
from driftbell.alerting.incidents.decision import DecisionReason
from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.routing.routes import compile_tree
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.times import to_ms
from driftbell.runtime.config.router import Route, RouterConfig
from driftbell.schemas import Alert

#: Who is told where the configuration names nobody.
NOBODY = "(no receiver configured)"


class Messages:
    """A router without channels: every message that it decides on is taken as delivered at once.

    Each receiver counts as one destination, however many channels it has.
    """

    def __init__(self, settings: RouterConfig) -> None:
        route = settings.route or Route(receiver=NOBODY)
        receivers = sorted({node.options.receiver for node in compile_tree(route).walk()})
        self._dispatch = dispatch_of(
            structs.replace(settings, route=route),
            [Destination(f"{name}/replay", name, integration="replay") for name in receivers],
        )
        self._state = State()
        #: Messages by receiver: such that open an incident, that tell more of one, that close it.
        self.opened: Counter[str] = Counter()
        self.updated: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()

    @property
    def total(self) -> int:
        """All messages."""
        return sum(counts.total() for counts in (self.opened, self.updated, self.closed))

    def take(self, alert: Alert) -> None:
        """One record of the alerts topic; in the order of their times."""
        now_ms = to_ms(alert.updatedAt)
        self.advance(now_ms)
        draft = Draft(self._state)
        self._dispatch.apply(draft, alert, now_ms)
        self._state.apply(draft)

    def advance(self, now_ms: int) -> None:
        """Let time pass, and groups that are due be flushed."""
        while (due_ms := self._state.next_flush_ms()) is not None and due_ms <= now_ms:
            for group in self._state.due(due_ms):
                draft = Draft(self._state)
                for decision in self._dispatch.flush(draft, group, due_ms):
                    receiver = self._dispatch.destinations[decision.destination].receiver
                    if decision.reason is DecisionReason.FIRST_NOTIFICATION:
                        self.opened[receiver] += 1
                    elif decision.reason is DecisionReason.ALL_RESOLVED:
                        self.closed[receiver] += 1
                    elif decision.reason.sends:
                        self.updated[receiver] += 1
                # What was sent has arrived; queues would only keep it for channels.
                self._state.apply(draft)

    def finish(self) -> None:
        """The file is over: groups that wait are flushed once, as a router that goes on would do."""
        waiting = [group.next_flush_ms for group in self._state.groups.values()]
        if waiting:
            self.advance(max(waiting))
