"""The settings of the router's heartbeat, and their check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from driftbell.runtime.config.rules import BadSetting, http_url, is_given, one_form
from driftbell.runtime.config.section import Duration, Secret, Section

#: Lists of settings in a receiver whose vendor takes a message every minute for what it is.
FOR_MACHINES = ("webhook_configs", "alertmanager_configs", "log_configs")


class HeartbeatConfig(Section, frozen=True):
    """A sign of life to a dead man's switch, which calls people when it stays away."""

    #: Asked with POST. Healthchecks, Dead Man's Snitch, Better Stack, Uptime Kuma and the like.
    url: Secret | None = None
    url_file: str | None = None
    url_env: str | None = None
    #: A receiver that hears it too, as an alert named DriftbellHeartbeat; it may have webhooks, Alertmanagers and logs only.
    receiver: str | None = None
    #: How often.
    every: Duration = 60.0
    #: The heartbeat stays away while a message has waited for longer than this.
    max_queue_age: Duration = 300.0

    @property
    def is_on(self) -> bool:
        """Whether there is anybody to hear it."""
        return is_given(self, "url") or self.receiver is not None


def heartbeat_problems(heartbeat: HeartbeatConfig, receivers: Iterable[Section]) -> Iterator[BadSetting]:
    """What cannot work; paths are below ``router``."""
    yield from one_form(heartbeat, ("url",), ("heartbeat",))
    yield from http_url(heartbeat.url, ("heartbeat", "url"))
    if heartbeat.every < 1:
        yield BadSetting(("heartbeat", "every"), "a heartbeat more than once a second", "1s at least; 1m is usual")
    if heartbeat.receiver is None:
        return
    meant = next((one for one in receivers if getattr(one, "name", None) == heartbeat.receiver), None)
    if meant is None:
        yield BadSetting(
            ("heartbeat", "receiver"), f"there is no receiver {heartbeat.receiver!r}", "name one of router.receivers"
        )
        return
    for key in meant.__struct_fields__:
        if key.endswith("_configs") and key not in FOR_MACHINES and getattr(meant, key):
            yield BadSetting(
                ("heartbeat", "receiver"),
                f"{heartbeat.receiver!r} has {key}: people would get a message at every beat",
                f"name a receiver that has only {', '.join(FOR_MACHINES)}",
            )
