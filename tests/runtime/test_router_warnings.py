"""What is allowed in a router's configuration and hardly meant is said, at its place; what is meant is not."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from driftbell.alerting.channels.registry import MODEL
from driftbell.runtime.config.router_warnings import router_warnings

LOGS: list[dict[str, Any]] = [{}]


def told_of(**router: Any) -> list[tuple[str, str]]:
    """Place and message of each warning of a configuration with two receivers, of which ``r`` is the root's."""
    document = {
        "route": {"receiver": "r"},
        "receivers": [{"name": "r", "log_configs": LOGS}, {"name": "s", "log_configs": LOGS}],
        **router,
    }
    found = router_warnings(msgspec.convert(document, MODEL.router), document)
    return [(".".join(str(step) for step in one.path), one.message) for one in found]


def routes(*children: dict[str, Any], **root: Any) -> dict[str, Any]:
    return {"receiver": "r", "routes": list(children), **root}


EMPTY: dict[str, Any] = {"route": None, "receivers": []}
#: A name, the configuration, the place of the warning and a word of it.
DOUBTFUL: list[tuple[dict[str, Any], str, str]] = [
    (EMPTY, "", "process log"),
    ({"receivers": [{"name": "r"}, {"name": "s"}]}, "receivers.0", "nobody hears of it"),
    (
        {
            "receivers": [{"name": "r", "log_configs": LOGS}, {"name": "s"}],
            "route": routes({"escalate": [{"after": 60, "receiver": "s"}]}),
        },
        "receivers.1",
        "escalation",
    ),
    ({"heartbeat": {"every": 60}}, "heartbeat", "nobody hears it"),
    ({"slack_app": {}}, "slack_app", "without a secret"),
    ({"pagerduty_webhook": {}}, "pagerduty_webhook", "without a secret"),
    ({"inhibit_rules": [{"equal": ["model"]}]}, "inhibit_rules.0", "holds nothing back"),
    ({"inhibit_rules": [{"source_matchers": ["a=b"]}]}, "inhibit_rules.0", "every alert"),
    ({"inhibit_rules": [{"target_match": {"a": "b"}}]}, "inhibit_rules.0", "any alert"),
    ({"route": routes({"matchers": ["a=b"]}, {"match": {"a": "b"}})}, "route.routes.1", "routes[0]"),
    ({"route": routes({"matchers": ["a=b"]}, {"matchers": ["c=d", "a=b"]})}, "route.routes.1", "routes[0]"),
    ({"route": routes({"routes": [{}, {"matchers": ["a=b"]}]})}, "route.routes.0.routes.1", "routes[0]"),
    ({"route": routes(repeat_interval=60)}, "route.repeat_interval", "group_interval"),
    ({"route": routes({"group_interval": 5 * 3600})}, "route.routes.0.group_interval", "repeat_interval"),
]
MEANT: list[dict[str, Any]] = [
    {},
    {"receivers": [{"name": "r", "log_configs": LOGS}, {"name": "s"}], "route": routes({"receiver": "s"})},
    {"heartbeat": {"every": 30, "receiver": "s"}},
    {"slack_app": {"app_token_env": "X"}},
    {"inhibit_rules": [{"source_matchers": ["a=b"], "target_match_re": {"a": "c"}}]},
    {"route": routes({"matchers": ["a=b"], "continue": True}, {"matchers": ["a=b"]})},
    {"route": routes({"matchers": ["a=b", "c=d"]}, {"matchers": ["a=b"]}, {"matchers": ["a!=b"]})},
    {"route": routes({"matchers": ["a=~b"]}, {"matchers": ["a=b"]})},
    {"route": routes({"group_wait": 1}, repeat_interval=300)},
]


@pytest.mark.parametrize(("router", "place", "word"), DOUBTFUL)
def test_what_is_hardly_meant_is_said_at_its_place(router: dict[str, Any], place: str, word: str) -> None:
    [(where, message)] = told_of(**router)

    assert where == place
    assert word in message


@pytest.mark.parametrize("router", MEANT)
def test_what_is_meant_is_not_warned_of(router: dict[str, Any]) -> None:
    assert told_of(**router) == []


def test_a_receiver_without_channels_is_told_of_once_however_often_it_is_needed() -> None:
    steps = {"escalate": [{"after": 60, "receiver": "r"}]}
    tree = routes(steps | {"matchers": ["a=b"]}, steps | {"matchers": ["a=c"]})

    assert [place for place, _ in told_of(receivers=[{"name": "r"}], route=tree)] == ["receivers.0"]
