"""The router's configuration: what is refused, where, and whether Alertmanager refuses it too."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from driftbell.alerting.channels.pagerduty.settings import PagerDutyConfig
from driftbell.alerting.channels.registry import LOG_ONLY, MODEL, receiver
from driftbell.alerting.channels.slack.settings import SlackConfig
from driftbell.runtime.config.loader import ConfigError, load
from driftbell.runtime.config.model import Config
from driftbell.runtime.config.router import Global, RouterConfig
from driftbell.runtime.config.router_check import RouterConfigError, check
from tests.services.missing import missing

PLAIN = {"route": {"receiver": "r"}, "receivers": [{"name": "r"}]}
EMAIL = {"to": "a@b.c", "from": "d@b.c", "smarthost": "h:25"}


def with_route(**keys: Any) -> dict[str, Any]:
    return {**PLAIN, "route": {"receiver": "r", **keys}}


def with_child(**keys: Any) -> dict[str, Any]:
    return with_route(routes=[keys])


def with_receiver(**keys: Any) -> dict[str, Any]:
    return {**PLAIN, "receivers": [{"name": "r", **keys}]}


def with_interval(**keys: Any) -> dict[str, Any]:
    return {**PLAIN, "time_intervals": [{"name": "x", "time_intervals": [keys]}]}


def with_intervals(*names: str, **child: Any) -> dict[str, Any]:
    return {**with_child(**child), "time_intervals": [{"name": name, "time_intervals": []} for name in names]}


def day(start_time: str, end_time: str) -> dict[str, Any]:
    return {"start_time": start_time, "end_time": end_time}


BAD_RANGES: list[tuple[str, Any, list[Any]]] = [
    ("weekdays", "monday", ["mon", "1", "monday:sunday", " monday", "a:b:c", "", "monday:"]),
    (
        "days_of_month",
        1,
        ["0", 32, "-32", "1:0", "5:1", "-1:-5", "-1:5", "29:-1", "x", "1 : 2", "1:2:3", "1_0"],
    ),
    ("months", 1, ["jan", "12:1", "x:2", "", "1.0"]),
    ("years", 2026, ["2026:2025", "x", "99999999999999999999", ""]),
    (
        "times",
        day("01:00", "02:00"),
        [
            *(day("17:00", "17:00"), day("22:00", "06:00"), day("9:00", "17:00"), day("00:00", "24:01")),
            *(day("25:00", "26:00"), day("00:60", "02:00"), day("", "02:00"), day("00:00\n", "02:00")),
        ],
    ),
]
IN_INTERVAL = ("time_intervals", 0, "time_intervals", 0)
INTERVALS: list[tuple[dict[str, Any], tuple[str | int, ...] | None]] = [
    *[
        (with_interval(**{key: [text]}), None)
        for key, text in [
            *[("weekdays", text) for text in ("monday", "Monday:FRIDAY", "sunday:saturday")],
            *[("days_of_month", text) for text in ("1", 1, -1, "1:31", "-31:-1", "-5:-1", "1:-1", "26:-1", "+3")],
            *[("months", text) for text in ("may", 5, "January:march", "1:december")],
            *[("years", text) for text in (2026, "2026:2028", "-1", "+2026", "0")],
            *[("times", times) for times in (day("00:00", "24:00"), day("09:00", "09:01"), day("23:59", "24:00"))],
        ]
    ],
    *[
        (with_interval(**{key: [good, text]}), (*IN_INTERVAL, key, 1))
        for key, good, texts in BAD_RANGES
        for text in texts
    ],
    *[(with_interval(location=name), None) for name in ("", "UTC", "Europe/Berlin", "EST5EDT", "Etc/GMT+3", None)],
    *[
        (with_interval(location=name), (*IN_INTERVAL, "location"))
        for name in (
            *("europe", "Europe", "../Europe/Berlin", "Europe/../Europe/Berlin", "/etc/passwd", "zone.tab", "GMT+3"),
            *("x" * 5_000, "Europe/Berlin ", "C:\\zones"),
        )
    ],
    (with_interval(), None),
    (with_interval(times=[], years=[]), None),
    (with_intervals("x", mute_time_intervals=["x", "x"], active_time_intervals=["x"]), None),
    (with_intervals("x", mute_time_intervals=["y"]), ("route", "routes", 0, "mute_time_intervals", 0)),
    (with_intervals("x", active_time_intervals=["x", "y"]), ("route", "routes", 0, "active_time_intervals", 1)),
    (with_intervals("x", "x"), ("time_intervals", 1, "name")),
    ({**with_intervals("x"), "mute_time_intervals": [{"name": "x"}]}, ("time_intervals", 0, "name")),
    (with_intervals(""), ("time_intervals", 0, "name")),
    ({**with_intervals("x"), **with_route(mute_time_intervals=["x"])}, ("route", "mute_time_intervals")),
    ({**with_intervals("x"), **with_route(active_time_intervals=["x"])}, ("route", "active_time_intervals")),
]

#: Configuration, and the path of the first problem; None when there is none. Alertmanager must agree.
SHARED: list[tuple[dict[str, Any], tuple[str | int, ...] | None]] = [
    (PLAIN, None),
    (with_child(matchers=["a=b"], receiver="r", **{"continue": True}), None),
    (with_route(group_by=["..."]), None),
    (with_route(group_by=["a", "b"]), None),
    (with_route(group_wait="0s", group_interval="1ms", repeat_interval="1h30m"), None),
    (with_receiver(webhook_configs=[{"url": "https://x/y", "max_alerts": 3}]), None),
    (with_receiver(email_configs=[EMAIL]), None),
    (with_receiver(pagerduty_configs=[{"routing_key": "k"}]), None),
    (with_receiver(slack_configs=[{"api_url": "https://hooks/x", "title": "t", "text": "x"}]), None),
    ({**with_receiver(slack_configs=[{}]), "global": {"slack_api_url": "https://hooks/x"}}, None),
    (
        {**PLAIN, "inhibit_rules": [{}, {"source_match": {"a": "b"}, "target_matchers": ["c=d"], "equal": ["x", "x"]}]},
        None,
    ),
    ({**PLAIN, "inhibit_rules": [{"source_match": {"a-b": "c"}}]}, ("inhibit_rules", 0, "source_match", "a-b")),
    ({**PLAIN, "inhibit_rules": [{}, {"target_match_re": {"a": "("}}]}, ("inhibit_rules", 1, "target_match_re", "a")),
    ({**PLAIN, "inhibit_rules": [{"source_matchers": ["a=b", "a"]}]}, ("inhibit_rules", 0, "source_matchers", 1)),
    ({**PLAIN, "inhibit_rules": [{"equal": ["a", ""]}]}, ("inhibit_rules", 0, "equal", 1)),
    *INTERVALS,
    ({"route": {"receiver": "r"}, "receivers": [{"name": "r"}, {"name": "r"}]}, ("receivers", 1, "name")),
    ({"receivers": [{"name": "r"}]}, ()),
    ({"route": {}, "receivers": [{"name": "r"}]}, ("route",)),
    ({"route": {"receiver": "x"}, "receivers": [{"name": "r"}]}, ("route", "receiver")),
    (with_child(receiver="x"), ("route", "routes", 0, "receiver")),
    (with_route(matchers=["a=b"]), ("route", "matchers")),
    (with_route(match={"a": "b"}), ("route", "match")),
    (with_route(match_re={"a": "b"}), ("route", "match_re")),
    (with_route(**{"continue": True}), ("route", "continue")),
    (with_child(matchers=["a=b", "a"]), ("route", "routes", 0, "matchers", 1)),
    (with_child(match_re={"a": "["}), ("route", "routes", 0, "match_re", "a")),
    (with_child(match={"a-b": "c"}), ("route", "routes", 0, "match", "a-b")),
    (with_route(group_by=["a", "a"]), ("route", "group_by", 1)),
    (with_route(group_by=["...", "a"]), ("route", "group_by", 0)),
    (with_route(group_by=["a-b"]), ("route", "group_by", 0)),
    (with_route(group_interval="0s"), ("route", "group_interval")),
    (with_route(repeat_interval="0s"), ("route", "repeat_interval")),
    (with_child(group_interval="0s"), ("route", "routes", 0, "group_interval")),
    (with_receiver(webhook_configs=[{}]), ("receivers", 0, "webhook_configs", 0)),
    (with_receiver(webhook_configs=[{"url": "ftp://x"}]), ("receivers", 0, "webhook_configs", 0, "url")),
    (with_receiver(webhook_configs=[{"url": "http://"}]), ("receivers", 0, "webhook_configs", 0, "url")),
    (with_receiver(pagerduty_configs=[{}]), ("receivers", 0, "pagerduty_configs", 0)),
    (with_receiver(slack_configs=[{}]), ("receivers", 0, "slack_configs", 0)),
    (
        with_receiver(slack_configs=[{"api_url": "https://h/x", "api_url_file": "/f"}]),
        ("receivers", 0, "slack_configs", 0, "api_url_file"),
    ),
    (with_receiver(email_configs=[{**EMAIL, "to": ""}]), ("receivers", 0, "email_configs", 0)),
    (with_receiver(email_configs=[{"to": "a@b.c", "from": "d@b.c"}]), ("receivers", 0, "email_configs", 0)),
    (with_receiver(email_configs=[{"to": "a@b.c", "smarthost": "h:25"}]), ("receivers", 0, "email_configs", 0)),
    (
        with_receiver(email_configs=[{**EMAIL, "smarthost": "h"}]),
        ("receivers", 0, "email_configs", 0, "smarthost"),
    ),
    (
        with_receiver(email_configs=[{**EMAIL, "headers": {"Subject": "a", "subject": "b"}}]),
        ("receivers", 0, "email_configs", 0, "headers", "subject"),
    ),
]

#: driftbell's own keys.
OWN: list[tuple[dict[str, Any], tuple[str | int, ...] | None]] = [
    (with_interval(months=[13]), (*IN_INTERVAL, "months", 0)),
    (with_interval(location="Local"), (*IN_INTERVAL, "location")),
    (with_receiver(log_configs=[{}]), None),
    (with_receiver(slack_configs=[{"bot_token": "xoxb", "channel": "C1", "mentions": ["<!here>", "<@U01>"]}]), None),
    (with_receiver(pagerduty_configs=[{"routing_key_env": "KEY"}]), None),
    (with_route(routes=[{"name": "a"}, {"name": "b"}]), None),
    (with_route(routes=[{"name": "a"}, {"name": "a"}]), ("route", "routes", 1, "name")),
    (with_receiver(slack_configs=[{"bot_token": "x"}]), ("receivers", 0, "slack_configs", 0)),
    (
        with_receiver(slack_configs=[{"bot_token": "x", "api_url": "https://h/x", "channel": "C"}]),
        ("receivers", 0, "slack_configs", 0),
    ),
    (
        with_receiver(slack_configs=[{"bot_token": "x", "channel": "C", "mentions": ["@here"]}]),
        ("receivers", 0, "slack_configs", 0, "mentions", 0),
    ),
    (
        with_receiver(webhook_configs=[{"url": "https://x", "max_alerts": -1}]),
        ("receivers", 0, "webhook_configs", 0, "max_alerts"),
    ),
]


@pytest.fixture(scope="module")
def amtool() -> str:
    return shutil.which("amtool") or missing("amtool", "apt-get install prometheus-alertmanager")


def loaded(router: dict[str, Any], tmp_path: Path) -> Config:
    file = tmp_path / "driftbell.yaml"
    file.write_text(json.dumps({"router": router}, indent=1))
    return load(file, env={}, model=MODEL)


@pytest.mark.parametrize(("router", "path"), SHARED)
def test_alertmanager_agrees(
    router: dict[str, Any], path: tuple[str | int, ...] | None, amtool: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(json.dumps(router))
    verdict = subprocess.run([amtool, "check-config", str(config)], capture_output=True, text=True, check=False)

    assert (verdict.returncode == 0) is (path is None), verdict.stdout


@pytest.mark.parametrize(("router", "path"), SHARED + OWN)
def test_what_is_wrong_is_named_with_its_place(
    router: dict[str, Any], path: tuple[str | int, ...] | None, tmp_path: Path
) -> None:
    if path is None:
        assert check(loaded(router, tmp_path).router) == []
        return
    with pytest.raises(ConfigError) as refusal:
        loaded(router, tmp_path)

    assert ("router", *path) in [tuple(problem.path) for problem in refusal.value.problems]


@pytest.mark.parametrize(
    "router",
    [
        with_route(routs=[]),
        with_receiver(slack_config=[]),
        with_receiver(slack_configs=[{"api_url": "https://h/x", "colour": "red"}]),
        with_route(group_wait="5 parsecs"),
        with_route(group_wait="-5s"),
    ],
)
def test_unknown_keys_and_bad_durations_are_refused_as_by_alertmanager(
    router: dict[str, Any], amtool: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(json.dumps(router))
    verdict = subprocess.run([amtool, "check-config", str(config)], capture_output=True, check=False)

    assert verdict.returncode != 0
    with pytest.raises(ConfigError):
        loaded(router, tmp_path)


def test_durations_are_prometheus_text(tmp_path: Path) -> None:
    config = loaded(
        with_route(group_wait="250ms", group_interval="1m30s", routes=[{"repeat_interval": "1d"}]), tmp_path
    )
    route = config.router.route

    assert route is not None
    assert (route.group_wait, route.group_interval, route.routes[0].repeat_interval) == (0.25, 90.0, 86_400.0)


def test_an_empty_configuration_is_the_log_receiver() -> None:
    assert RouterConfig().is_default and check(RouterConfig()) == []
    assert [*check(LOG_ONLY), *MODEL.check(LOG_ONLY)] == []


def test_all_problems_are_named_at_once() -> None:
    router = msgspec.convert({"route": {"receiver": "x", "continue": True}, "receivers": [{"name": "r"}]}, RouterConfig)
    error = RouterConfigError(check(router))

    assert len(error.problems) == 2
    assert "router.route.receiver: receiver 'x' is not defined; use one of: r" in str(error)


def test_a_secret_is_not_in_the_repr_nor_in_a_problem() -> None:
    slack_and_pagerduty = receiver(
        "r",
        slack_configs=[SlackConfig(api_url="gopher://hooks/SECRET", bot_token="SECRET")],
        pagerduty_configs=[PagerDutyConfig(routing_key="SECRET")],
    )
    router = RouterConfig(
        receivers=[slack_and_pagerduty], global_=Global(smtp_auth_password="SECRET", slack_api_url="SECRET")
    )
    problems = [*check(router), *MODEL.check(router)]

    assert problems
    assert "SECRET" not in repr(router)
    assert "SECRET" not in str(RouterConfigError(problems))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({**PLAIN, "receivers": []}, "receiver 'r' is not defined; define it: receivers: [{name: r}]"),
        (
            {"route": {"receiver": "oncal"}, "receivers": [{"name": "oncall"}]},
            "receiver 'oncal' is not defined; did you mean oncall?",
        ),
        (with_child(mute_time_intervals=["x"]), "time interval 'x' is not defined; define it: time_intervals:"),
        (with_interval(weekdays=["mon"]), "'mon' is not a weekday; did you mean monday?"),
        (with_interval(weekdays=["1"]), "'1' is not a weekday; use one of: sunday, monday, tuesday"),
        (with_interval(months=["jan"]), "'jan' is not a month; did you mean january?"),
        (with_child(matchers=["sev"]), "'sev' is not a matcher; write label="),
        (with_child(matchers=["a=~'(critical'"]), "missing ): '(critical'; write label="),
    ],
)
def test_the_fix_is_about_what_is_wrong_and_said_once(settings: dict[str, Any], said: str) -> None:
    [problem] = check(msgspec.convert(settings, RouterConfig))
    assert said in str(problem)
