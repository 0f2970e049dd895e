"""The router's configuration: Alertmanager's file under the key ``router``, as typed sections.

The keys, their meaning and their defaults are Alertmanager's (prometheus.io/docs/alerting/latest/configuration).
driftbell's own are: ``log_configs``, ``external_url``, a route's ``name``, ``correlate``, ``escalate`` and ``remind``, the
``*_env`` form of every secret, Slack's ``bot_token``, and ``send_resolved``, which is true for every channel (Alertmanager:
false for some).
``driftbell.runtime.config.router_check`` holds the rules that types cannot say. The settings of each channel stand in its
folder (``alerting/channels``).
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from driftbell.runtime.config.router_api import ApiConfig
from driftbell.runtime.config.router_heartbeat import HeartbeatConfig
from driftbell.runtime.config.router_inbound import PagerDutyWebhookConfig, SlackAppConfig
from driftbell.runtime.config.section import Duration, Secret, Section


class Global(Section, frozen=True):
    """Defaults that receivers inherit."""

    #: How long an alert fires that others post without an end (docs/api.md). driftbell's own carry their end.
    resolve_timeout: Duration = 300.0
    slack_api_url: Secret | None = None
    slack_api_url_file: str | None = None
    slack_api_url_env: str | None = None
    slack_bot_token: Secret | None = None
    slack_bot_token_file: str | None = None
    slack_bot_token_env: str | None = None
    #: EU accounts: https://events.eu.pagerduty.com/v2/enqueue
    pagerduty_url: str = "https://events.pagerduty.com/v2/enqueue"
    smtp_from: str | None = None
    #: host:port; port 465 is TLS from the first byte, any other STARTTLS.
    smtp_smarthost: str | None = None
    smtp_hello: str | None = None
    smtp_auth_username: str | None = None
    smtp_auth_password: Secret | None = None
    smtp_auth_password_file: str | None = None
    smtp_auth_password_env: str | None = None
    smtp_require_tls: bool = True


class Correlate(Section, frozen=True):
    """Alerts of one cause are one incident: they begin at the same time, or say that the same features moved."""

    #: How far apart alerts of one cause may begin. 0s: what the routes above correlate is not correlated here.
    window: Duration = 900.0


class Escalation(Section, frozen=True):
    """One step: a receiver that is told of an incident too if nobody has acknowledged it for so long."""

    #: Since the first page, or since nobody has it any more.
    after: Duration
    receiver: str


class Route(Section, frozen=True):
    """A node of the routing tree. What is absent is inherited; the root's defaults are Alertmanager's."""

    #: driftbell's own: keeps the route's identity (timers, open incidents) when its matchers or place change.
    name: str | None = None
    receiver: str | None = None
    matchers: list[str] = []
    match: dict[str, str] = {}
    match_re: dict[str, str] = {}
    continue_: bool = msgspec.field(default=False, name="continue")
    #: Label names; ["..."] groups by all labels, that is, not at all.
    group_by: list[str] | None = None
    #: How long a new group gathers alerts before its first notification (default 30s).
    group_wait: Duration | None = None
    #: Time between two looks at a group that was notified (default 5m).
    group_interval: Duration | None = None
    #: Time after which an unchanged group is notified again (default 4h).
    repeat_interval: Duration | None = None
    #: driftbell's own: makes one incident of each cause, not one of all alerts with the same labels of `group_by`.
    correlate: Correlate | None = None
    #: driftbell's own: who is told as well if nobody acknowledges in time, step by step; an empty list: nobody.
    escalate: list[Escalation] | None = None
    #: driftbell's own: time after which people are called once more for what nobody has acknowledged; absent or 0s: never.
    remind: Duration | None = None
    #: Names of time intervals in which this route notifies nobody. Children do not inherit them.
    mute_time_intervals: list[str] = []
    #: Names of time intervals outside of which this route notifies nobody. Children do not inherit them.
    active_time_intervals: list[str] = []
    routes: list[Route] = []


class InhibitRule(Section, frozen=True):
    """While an alert of the source side fires, alerts of the target side with equal labels notify nobody."""

    source_matchers: list[str] = []
    source_match: dict[str, str] = {}
    source_match_re: dict[str, str] = {}
    target_matchers: list[str] = []
    target_match: dict[str, str] = {}
    target_match_re: dict[str, str] = {}
    #: Labels whose values must be the same on both sides; a label that both lack is the same.
    equal: list[str] = []


class TimeRange(Section, frozen=True):
    """A part of the day, HH:MM from 00:00 to 24:00."""

    start_time: str
    #: The first minute that is not in it.
    end_time: str


class TimeInterval(Section, frozen=True):
    """A moment is in it if it is in all that is given: in one range of each list."""

    times: list[TimeRange] | None = None
    #: Names, `monday` or `monday:friday`; a week begins on Sunday.
    weekdays: list[str | int] | None = None
    #: `1:5`, or from the month's end: `-3:-1`.
    days_of_month: list[str | int] | None = None
    #: `january:march` or `1:3`.
    months: list[str | int] | None = None
    #: `2026:2028`.
    years: list[str | int] | None = None
    #: IANA name of the zone whose clock counts; absent: UTC.
    location: str | None = None


class NamedIntervals(Section, frozen=True):
    """Time intervals under a name that routes use; a moment is in it if it is in one of them."""

    name: str
    time_intervals: list[TimeInterval] = []


class ChannelConfig(Section, frozen=True):
    """What the configurations of all channels share."""

    send_resolved: bool = True
    #: driftbell's own: keeps what is open here when the address changes but the place does not (a new routing key of the
    #: same service). Absent: another address is another place.
    name: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] | None = None


class Receiver(Section, frozen=True):
    """A name and the channels behind it; each channel is notified on its own, none waits for another.

    Lists of settings by kind of channel (``slack_configs``, ...) are added by ``driftbell.runtime.config.channels``.
    """

    #: Routes, escalations and `driftbell notify test` call it so.
    name: str


class FlappingConfig(Section, frozen=True):
    """driftbell's own: an alert that opens and closes again and again is one page, kept open until it is quiet."""

    #: It flaps when it has begun to fire more often than that within `window`; 0: none does.
    opens: Annotated[int, msgspec.Meta(ge=0, le=100)] = 5
    window: Duration = 3600.0
    #: It is over when it neither begins nor ends for so long.
    quiet: Duration = 900.0


class RouterConfig(Section, frozen=True):
    """Everything under ``router``. Empty: all alerts go to the process log, and a warning says so."""

    global_: Global = msgspec.field(default=Global(), name="global")
    route: Route | None = None
    receivers: list[Receiver] = []
    inhibit_rules: list[InhibitRule] = []
    flapping: FlappingConfig = FlappingConfig()
    time_intervals: list[NamedIntervals] = []
    #: The older key for `time_intervals`.
    mute_time_intervals: list[NamedIntervals] = []
    #: Where people find this router; it is the link on a page.
    external_url: str = ""
    #: Name of the router's consumer group; absent: the worker's group with ``-router`` behind it.
    group: str | None = None
    #: How long the leader may be silent before a router that stands by takes over.
    session_timeout: Duration = 10.0
    #: How long a stop waits for what is being sent.
    shutdown_grace: Duration = 20.0
    http_host: str = "127.0.0.1"
    #: Port of /healthz, /readyz and /metrics; 0 picks a free one, null switches it off.
    http_port: int | None = 8082
    #: Alertmanager's HTTP API.
    api: ApiConfig = ApiConfig()
    #: A sign of life.
    heartbeat: HeartbeatConfig = HeartbeatConfig()
    #: Buttons in Slack.
    slack_app: SlackAppConfig = SlackAppConfig()
    #: Acknowledgements from PagerDuty.
    pagerduty_webhook: PagerDutyWebhookConfig = PagerDutyWebhookConfig()

    @property
    def is_default(self) -> bool:
        """Whether nothing was configured, so that everything goes to the log."""
        return self.route is None and not self.receivers
