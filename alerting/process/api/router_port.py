"""The router's process as its API sees it: the leader answers from memory, who stands by from what the leader saved."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from driftbell.alerting.api.port import Rules
from driftbell.alerting.commands.asking import ask
from driftbell.alerting.errors import RefusedError
from driftbell.alerting.posting.posting import PostResult
from driftbell.alerting.process.reloading.reload import Reloaded, ReloadReason
from driftbell.alerting.process.router import Router
from driftbell.alerting.state.posted_alerts.posted import PostAlerts, PostedAlert
from driftbell.alerting.state.silence import Action, Answer, Command
from driftbell.alerting.state.state import State
from driftbell.alerting.state.store import CommandBox, Table, Tables
from driftbell.alerting.state.tables import load
from driftbell.runtime.observability.ops import Health

#: How long a leader elsewhere has to take a command up, seconds. It looks every second.
_WAIT_SECONDS = 10.0

#: Posted alerts in one write.
_POSTED_AT_ONCE = 200
#: Posted alerts in one command to a leader elsewhere.
_ASKED_AT_ONCE = 1_000

#: What an answer of the API is made of.
_SHOWN = (Table.ENTRIES, Table.GROUPS, Table.SILENCES)


class RouterPort:
    """See ``driftbell.alerting.api.port.ApiPort``.

    Args:
        router: of this process.
        box: of the store that all routers share.
        rules: the configuration in force.
        leads: whether this process leads now.
        ready: its readiness.
        reload: reads its configuration again.
    """

    def __init__(
        self,
        router: Router,
        box: CommandBox,
        rules: Callable[[], Rules],
        *,
        leads: Callable[[], bool],
        ready: Callable[[], Health],
        reload: Callable[[], Awaitable[Reloaded]],
    ) -> None:
        self._router = router
        self._box = box
        self._rules = rules
        self._leads = leads
        self._ready = ready
        self._reload = reload
        self.started_ms = router.clock()
        self._looking = asyncio.Lock()

    @property
    def rules(self) -> Rules:
        """See ``ApiPort.rules``."""
        return self._rules()

    def now_ms(self) -> int:
        """See ``ApiPort.now_ms``."""
        return self._router.clock()

    def ready(self) -> Health:
        """See ``ApiPort.ready``."""
        return self._ready()

    async def state(self) -> State:
        """See ``ApiPort.state``."""
        if self._leads():
            return self._router.state
        # One at a time: the whole state is read, and many readers must not fill the memory.
        async with self._looking:
            tables: Tables = {table: {} for table in Table}
            for table in _SHOWN:
                tables[table] = await self._box.look(table)
            return load(tables)

    async def post(self, alerts: Sequence[PostedAlert]) -> str:
        """See ``ApiPort.post``."""
        if self._leads():
            refused = await self._take_in(alerts)
        else:
            parts = [alerts[first : first + _ASKED_AT_ONCE] for first in range(0, len(alerts), _ASKED_AT_ONCE)]
            answers = await asyncio.gather(*(self._ask(PostAlerts(alerts=tuple(part))) for part in parts))
            refused = sum(answer.posted.get(PostResult.TOO_MANY, 0) for answer in answers)
        return self._router.posting.too_many(refused) if refused else ""

    async def _take_in(self, alerts: Sequence[PostedAlert]) -> int:
        refused = 0
        for first in range(0, len(alerts), _POSTED_AT_ONCE):
            part = alerts[first : first + _POSTED_AT_ONCE]
            results = await self._router.change(partial(self._router.posting.post, part))
            self._router.metrics.count_posted(results)
            refused += results[PostResult.TOO_MANY]
            # A store in memory never waits.
            await asyncio.sleep(0)
        return refused

    async def command(self, action: Action, command_id: str = "") -> Answer:
        """See ``ApiPort.command``; with an id of its own what comes again is done once."""
        if self._leads():
            return await self._router.command(Command(id=command_id or str(uuid.uuid4()), action=action))
        return await self._ask(action, command_id)

    async def _ask(self, action: Action | PostAlerts, command_id: str = "") -> Answer:
        command = Command(id=command_id or str(uuid.uuid4()), action=action)
        return await ask(self._box, command, seconds=_WAIT_SECONDS)

    async def reload(self) -> None:
        """See ``ApiPort.reload``."""
        result = await self._reload()
        if result.reason is not ReloadReason.RELOADED:
            raise RefusedError("\n".join(result.problems))
