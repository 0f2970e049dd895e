"""The router as a process: the alerts topic in, messages out, health and metrics beside it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable
from random import SystemRandom

import aiohttp
from aiokafka.errors import KafkaError

from driftbell.alerting.api.access import Access
from driftbell.alerting.api.application import application
from driftbell.alerting.api.port import Rules
from driftbell.alerting.api.server import ApiServer
from driftbell.alerting.channels.channel import close
from driftbell.alerting.channels.http import new_session, request_seconds
from driftbell.alerting.channels.registry import Endpoint, build
from driftbell.alerting.errors import FencedError, RefusedError, StoreUnavailableError
from driftbell.alerting.heartbeat.heartbeat import Heartbeat
from driftbell.alerting.heartbeat.vitals import Vitals, oldest_of
from driftbell.alerting.inbound import mounting as inbound
from driftbell.alerting.incidents.configured import muters_of
from driftbell.alerting.process.api.router_port import RouterPort
from driftbell.alerting.process.clock import ForwardClock
from driftbell.alerting.process.consumer import AlertsConsumer, Assignment
from driftbell.alerting.process.leader import Leader
from driftbell.alerting.process.metrics import RouterMetrics
from driftbell.alerting.process.reloading.effective import effective
from driftbell.alerting.process.reloading.plan import Plan, plan_of
from driftbell.alerting.process.reloading.reload import Reloaded, ReloadReason, Source, needs_restart, problems_of
from driftbell.alerting.process.reloading.routed import check_routed
from driftbell.alerting.process.router import Router
from driftbell.alerting.routing.routes import compile_tree
from driftbell.alerting.state.memory import MemoryStore
from driftbell.alerting.state.redis import RedisStore
from driftbell.runtime.config.model import Config
from driftbell.runtime.config.router import Route, RouterConfig
from driftbell.runtime.kafka import aiokafka_settings
from driftbell.runtime.observability.ops import Health, OpsServer, new_registry
from driftbell.runtime.observability.outage import Outage
from driftbell.runtime.redis import connect, is_memory

log = logging.getLogger(__name__)

Store = MemoryStore | RedisStore

#: Seconds between two tries at a broker or store that does not answer.
_PAUSE_SECONDS = 1.0
#: Longest wait for records; the loop must turn often enough to notice a stop and a decision of the group.
_POLL_SECONDS = 0.25
#: Seconds between two questions whether a broker answers, the longest wait for one, and the silence after which they are away.
_PROBE_SECONDS, _ANSWER_SECONDS, _SILENT_SECONDS = 5.0, 10.0, 20.0
#: Seconds without a turn of the main loop after which the process counts as stuck.
_STUCK_SECONDS = 60.0


async def run(
    config: Config, *, stop: asyncio.Event, on_ready: Callable[[], None] | None = None, source: Source | None = None
) -> None:
    """Run one router until ``stop`` is set, then finish what is being sent and return.

    Args:
        config: the whole configuration; ``router``, ``topics.alerts``, ``kafka`` and ``redis`` matter here.
        stop: set it to end.
        on_ready: called once, when the group has decided whether this router leads or stands by.
        source: where the configuration is read again when that is asked for; None: it never is.

    Raises:
        RefusedError: the configuration or the stored state makes running impossible; the message says what to do.
        KafkaError, OSError: no broker answers at the start; the ops port is taken.
    """
    settings = effective(config.router)
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(new_session(total_seconds=request_seconds(settings.session_timeout)))
        plan = plan_of(settings, build(settings, session), session)
        service = _Service(config, settings, plan, store := store_of(config), source, session)
        stack.push_async_callback(store.close)
        stack.push_async_callback(service.close)
        if settings.http_port is not None:
            ops = OpsServer(
                settings.http_host,
                settings.http_port,
                registry=service.metrics.registry,
                health=service.health,
                ready=service.ready,
            )
            await stack.enter_async_context(ops)
        if settings.api.listen is not None:
            app = application(
                service.api_port(),
                Access(settings.api),
                inbound.mounted(settings, service.api_port()),
                max_body_bytes=settings.api.max_body_bytes,
                count=service.metrics.count_request,
            )
            await stack.enter_async_context(ApiServer(settings.api, app))
        socket = inbound.slack_socket(settings, session, service.api_port(), SystemRandom())
        if socket is not None:
            buttons = asyncio.create_task(socket.run(), name="slack buttons")
            stack.callback(buttons.cancel)
        if settings.heartbeat.is_on:
            heartbeat = Heartbeat(
                settings.heartbeat, session, service.endpoints, service.vitals, service.metrics.count_heartbeat
            )
            stack.callback(asyncio.create_task(heartbeat.run(), name="heartbeat").cancel)
        await service.run(stop, on_ready)


def group_of(config: Config) -> str:
    """The consumer group of the routers."""
    return config.router.group or f"{config.worker.group}-router"


def store_of(config: Config) -> Store:
    """Where the state of the routers of a configuration is kept, and commands wait for them."""
    if is_memory(config.redis):
        log.warning("redis.url is memory://: open incidents and unsent messages are lost when the router ends")
        return MemoryStore()
    return RedisStore(connect(config.redis), group_of(config))


class _Service:
    """One run of the router process."""

    def __init__(
        self,
        config: Config,
        settings: RouterConfig,
        plan: Plan,
        store: Store,
        source: Source | None,
        session: aiohttp.ClientSession,
    ) -> None:
        self._config = config
        self._settings = settings
        self._store = store
        self._source = source
        self._session = session
        #: Held while leadership or the configuration changes.
        self._changing = asyncio.Lock()
        self._reloading = asyncio.Lock()
        integrations = {endpoint.destination.integration for endpoint in plan.endpoints}
        self.metrics = RouterMetrics(new_registry(), sorted(integrations))
        self._router = Router(
            plan,
            store,
            clock=ForwardClock(),
            random=SystemRandom(),
            metrics=self.metrics,
        )
        self._consumer = AlertsConsumer(
            aiokafka_settings(config.kafka), config.topics.alerts, group_of(config), settings.session_timeout
        )
        self._rules = Rules(settings, compile_tree(settings.route or Route()), muters_of(settings))
        self._leader: Leader | None = None
        #: The assignment that ``_leader`` serves, or that was refused.
        self._served: Assignment | None = None
        self._state = Health(False, "starting", "the consumer group has not decided yet")
        self._topic_missing = False
        self._brokers = Outage("Kafka")
        self._turned = self._answered = time.monotonic()
        #: When all alert records had been read, last.
        self._even_ms = 0

    def api_port(self) -> RouterPort:
        """This process as its API sees it."""
        return RouterPort(
            self._router,
            self._store,
            lambda: self._rules,
            leads=lambda: self._leader is not None,
            ready=self.ready,
            reload=self.reload,
        )

    async def close(self) -> None:
        """Let go of the consumer, also where it has never begun to read, and of what the channels in force have opened."""
        await self._consumer.stop()
        for endpoint in self._router.endpoints.values():
            await close(endpoint.channel, self._router.label(endpoint.destination.id))

    async def reload(self) -> Reloaded:
        """Read the configuration again; put it in force if it is right, whole, and at once. Nothing that is open is lost."""
        try:
            async with self._reloading:
                result = await self._reload()
        except Exception as error:  # Whatever is wrong with a file, the router goes on with what it has.
            result = Reloaded(ReloadReason.REFUSED, problems_of(error))
        self.metrics.note_reload(result.reason, time.time())
        fields = {"result": result.reason.value, "needs_restart": list(result.needs_restart)}
        if result.reason is ReloadReason.RELOADED:
            log.info("the configuration was read again and is in force", extra=fields)
        for problem in result.problems:
            log.error("the configuration of before stays in force: %s", problem, extra=fields)
        if result.needs_restart:
            log.warning("these keys are read at a start only: %s", ", ".join(result.needs_restart), extra=fields)
        return result

    async def _reload(self) -> Reloaded:
        if self._source is None:
            raise RefusedError(
                "this router does not know where its configuration is from; restart it, which loses nothing"
            )
        config = await asyncio.to_thread(self._source.read)
        settings = effective(config.router)
        check_routed(config.router, before=self._settings)
        plan = plan_of(settings, build(settings, self._session), self._session)
        async with self._changing:
            try:
                await self._put_in_force(plan)
            except StoreUnavailableError as error:
                for endpoint in plan.endpoints:
                    await close(endpoint.channel, self._router.label(endpoint.destination.id))
                return Reloaded(ReloadReason.STORE_UNAVAILABLE, (str(error),))
            needs = needs_restart(self._config, config)
            self._settings = settings
            self._rules = Rules(settings, compile_tree(settings.route or Route()), muters_of(settings))
            self.metrics.show_zeros(endpoint.destination.integration for endpoint in plan.endpoints)
        return Reloaded(ReloadReason.RELOADED, needs_restart=needs)

    async def _put_in_force(self, plan: Plan) -> None:
        if self._leader is not None:
            # A router that is shut out meanwhile does not take it: the main loop lets go, and begins with it.
            with contextlib.suppress(FencedError):
                await self._router.reload(plan)
                self._leader.follow()
                return
        before = list(self._router.endpoints.values())
        self._router.prepare(plan)
        if self._leader is None:
            for endpoint in before:
                await close(endpoint.channel, self._router.label(endpoint.destination.id))

    async def _when_asked(self, source: Source) -> None:
        while True:
            await source.asked.wait()
            source.asked.clear()
            if (await self.reload()).reason is ReloadReason.STORE_UNAVAILABLE:
                await asyncio.sleep(_PAUSE_SECONDS)
                source.asked.set()

    def health(self) -> Health:
        """Whether the main loop turns."""
        silent_seconds = time.monotonic() - self._turned
        if silent_seconds > _STUCK_SECONDS:
            return Health(False, "stuck", f"the main loop has not turned for {silent_seconds:.0f} s")
        return Health(True, "ok")

    def ready(self) -> Health:
        """Whether this router does its work: it leads and reads, or stands by."""
        self._router.measure()
        if self._leader is not None and self._router.store_trouble:
            return Health(False, "store_unavailable", self._router.store_trouble)
        silent_seconds = time.monotonic() - self._answered
        if self._state.ok and silent_seconds > _SILENT_SECONDS:
            return Health(False, "kafka_unavailable", f"no broker has answered for {silent_seconds:.0f} s")
        if self._state.ok and self._topic_missing:
            return Health(False, "topic_missing", self._topic_advice)
        return self._state

    def vitals(self) -> Vitals:
        """What the heartbeat hangs on."""
        oldest_ms = oldest_of(self._router.state.queues.values())
        return Vitals(self._leader is not None, self.ready().trouble, self._even_ms, oldest_ms, self._router.clock())

    def endpoints(self) -> Iterable[Endpoint]:
        """All channels now."""
        return self._router.endpoints.values()

    @property
    def _topic_advice(self) -> str:
        return f"no topic {self._consumer.topic}: run `driftbell topics create`, which is safe to repeat"

    def _look_for_topic(self) -> None:
        """The group hands out a topic that does not exist like one that another member has: nobody gets a partition."""
        missing = not self._consumer.topic_exists
        if missing and not self._topic_missing:
            log.error("%s; the router waits for it", self._topic_advice, extra={"topic": self._consumer.topic})
        elif self._topic_missing and not missing:
            log.info("the topic is there now", extra={"topic": self._consumer.topic})
        self._topic_missing = missing

    async def _watch_brokers(self) -> None:
        """Notice brokers that are away: aiokafka waits for them without a word."""
        while True:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                async with asyncio.timeout(_ANSWER_SECONDS):
                    if await self._consumer.brokers_answer():
                        self._answered = time.monotonic()
            silent_seconds = time.monotonic() - self._answered
            if silent_seconds > _SILENT_SECONDS:
                self._brokers.away(seconds=silent_seconds)
            else:
                self._brokers.back()
            await asyncio.sleep(_PROBE_SECONDS)

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None] | None) -> None:
        """The main loop."""
        watching: list[asyncio.Task[None]] = []
        try:
            await self._consumer.start()
            self._answered = time.monotonic()
            watching.append(asyncio.create_task(self._watch_brokers(), name="brokers"))
            if self._source is not None:
                watching.append(asyncio.create_task(self._when_asked(self._source), name="reload"))
            while not stop.is_set():
                self._turned = time.monotonic()
                await self._turn()
                if self._state.ok:
                    self._look_for_topic()
                if on_ready is not None and self._state.ok and not self._topic_missing:
                    on_ready()
                    on_ready = None
        finally:
            for task in watching:
                task.cancel()
            await self._retire()
            await self._consumer.commit(self._router.state.offsets)
            await self._consumer.stop()

    async def _turn(self) -> None:
        wanted = self._consumer.assignment
        if wanted != self._served:
            async with self._changing:
                await self._retire()
                self._served = wanted if wanted is None or await self._begin(wanted) else None
            if wanted is not None and self._served is None:
                await asyncio.sleep(_PAUSE_SECONDS)
        try:
            self._consumer.check()
            waiting = self._leader is not None and self._leader.is_waiting
            records = [] if waiting else await self._consumer.poll(_POLL_SECONDS)
            if self._leader is not None:
                await self._leader.turn(records)
                if not any(self._consumer.lag(self._router.state.offsets).values()):
                    self._even_ms = self._router.clock()
        except KafkaError as error:
            # Also what is asked about a partition that is taken away at this moment.
            log.warning("broker trouble", extra={"error": repr(error)})
            await asyncio.sleep(_PAUSE_SECONDS)
        except FencedError as error:
            log.warning("the state is not ours as it stands", extra={"detail": str(error)})
            async with self._changing:
                await self._retire()
            self._served = None

    async def _begin(self, assignment: Assignment) -> bool:
        if not assignment.partitions:
            self._state = Health(True, "standby", "another router is the leader")
            return True
        leader = Leader(self._router, self._consumer, self._store)
        try:
            await leader.start(assignment)
        except (StoreUnavailableError, FencedError, KafkaError) as error:
            self._state = Health(False, "not_claimed", str(error))
            log.warning("cannot take over yet", extra={"error": str(error)})
            return False
        self._leader = leader
        self._state = Health(True, "leader")
        self.metrics.leader.set(1)
        return True

    async def _retire(self) -> None:
        self.metrics.leader.set(0)
        leader, self._leader = self._leader, None
        self._state = Health(False, "rebalancing", "the consumer group is deciding")
        if leader is not None:
            await leader.stop(self._settings.shutdown_grace)
