"""What the API needs of the process that serves it. The router's process has it; tests have their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from driftbell.alerting.muting.muter import Muter
from driftbell.alerting.routing.routes import Node
from driftbell.alerting.state.posted_alerts.posted import PostedAlert
from driftbell.alerting.state.silence import Action, Answer
from driftbell.alerting.state.state import State
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.observability.ops import Health


@dataclass(frozen=True, slots=True)
class Rules:
    """The configuration in force: as it was given, the tree compiled of it, and what may hold alerts back.

    The muters are the API's own: what they remember belongs to the state that they are asked about.
    """

    settings: RouterConfig
    tree: Node
    muters: Sequence[Muter]


class ApiPort(Protocol):
    """The router as the API sees it, whether it leads or stands by."""

    @property
    def rules(self) -> Rules:
        """The configuration in force."""

    @property
    def started_ms(self) -> int:
        """When the process began, epoch milliseconds."""

    def now_ms(self) -> int:
        """The router's clock, epoch milliseconds."""

    def ready(self) -> Health:
        """Whether this router does its work."""

    async def state(self) -> State:
        """What is known now, to be read only: the leader's own state, elsewhere what it saved last.

        Raises:
            StoreUnavailableError: nobody knows.
            RefusedError: a newer router wrote it.
        """

    async def command(self, action: Action) -> Answer:
        """Have the leader do something; when this returns it is saved.

        Raises:
            NoLeaderError: no router leads, and nothing was done.
            FencedError, StoreUnavailableError: whether it was done is not known; asking again is safe.
        """

    async def post(self, alerts: Sequence[PostedAlert]) -> str:
        """Have the leader take checked alerts in; when this returns they are saved. Why some were not taken, or nothing.

        Raises:
            NoLeaderError, FencedError, StoreUnavailableError: as ``command``; posting again is safe.
        """

    async def reload(self) -> None:
        """Read the configuration again, and take it if it is right.

        Raises:
            RefusedError: it is not, and the old one stays; the message names the places.
        """
