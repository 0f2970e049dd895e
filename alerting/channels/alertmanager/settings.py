"""Forwarding to an Alertmanager: its settings in a receiver, and their check."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from driftbell.alerting.channels.http_config.settings import HttpConfig, http_problems
from driftbell.runtime.config.router import ChannelConfig, Global
from driftbell.runtime.config.rules import BadSetting, http_url
from driftbell.runtime.config.section import Duration

#: An address more than these is a mistake: each alert goes to all of them.
MAX_ADDRESSES = 10
#: How many repetitions may be lost until an alert would be taken for over.
REPETITIONS = 3


class AlertmanagerConfig(ChannelConfig, frozen=True):
    """Alerts are posted to an Alertmanager as Prometheus does: to all of a cluster, and again while they fire."""

    #: `http://alertmanager-0:9093`, with a path before `/api/v2` if there is one. All members of one cluster, no balancer.
    addresses: list[str] = []
    #: How often what fires is posted again: an Alertmanager that has restarted has forgotten it.
    resend_interval: Duration = 60.0
    #: After which without a word from the router the Alertmanager takes an alert for over.
    resolve_after: Duration = 600.0
    http_config: HttpConfig = HttpConfig()


def check(alertmanager: AlertmanagerConfig, defaults: Global) -> Iterator[BadSetting]:
    """What cannot work."""
    if not alertmanager.addresses:
        yield BadSetting((), "there is no address of an Alertmanager", "add addresses: ['http://alertmanager:9093']")
    if len(alertmanager.addresses) > MAX_ADDRESSES:
        yield BadSetting(("addresses",), f"there are more than {MAX_ADDRESSES} addresses", "keep those of one cluster")
    for index, address in enumerate(alertmanager.addresses):
        path = ("addresses", index)
        yield from http_url(address, path)
        if "@" in address.partition("://")[2].partition("/")[0]:
            yield BadSetting(path, "there is a password in the address", "use http_config.basic_auth")
        elif _has_query(address):
            yield BadSetting(path, "there is a ? or # in the address", "give what comes before /api/v2")
        elif address.rstrip("/").endswith("/api/v2/alerts"):
            yield BadSetting(path, "the address names the API", "leave /api/v2/alerts out")
    if alertmanager.resend_interval < 1:
        yield BadSetting(("resend_interval",), "resend_interval is below a second", "use 1m")
    elif alertmanager.resolve_after < REPETITIONS * alertmanager.resend_interval:
        yield BadSetting(
            ("resolve_after",),
            f"resolve_after is less than {REPETITIONS} times resend_interval: one lost request would close alerts",
            "make it longer",
        )
    yield from http_problems(alertmanager.http_config)


def _has_query(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bool(parts.query or parts.fragment)
