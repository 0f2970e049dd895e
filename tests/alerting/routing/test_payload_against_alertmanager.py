"""Group keys and the order of alerts, as in the documents that the real Alertmanager sends."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
import pytest

from driftbell.alerting.rendering.notification import notify
from driftbell.alerting.routing.routes import compile_tree, group_key
from driftbell.alerting.state.records import Group
from driftbell.runtime.config.router import Route
from driftbell.schemas import fingerprint
from tests.alerting.alerts import START_MS, make_alert
from tests.services.alertmanager import Alertmanager, Hook

NAMES = ["a", "a1", "a_", "aa", "A", "b", "job", "instance", "z"]
VALUES = [
    "1",
    "2",
    "10",
    "x y",
    'q"q',
    "back\\slash",
    "\n\t\a",
    "\x01\x7f",
    "\u00a0\u200b",
    "\u00e9",
    "\U0001f600",
    "\u2028",
    "<&>",
]
GROUP = Group(id="g", route_id="", key="", labels={}, created_ms=0, next_flush_ms=0)


def child(random: Random, number: int) -> dict[str, Any]:
    keys: dict[str, Any] = {"matchers": [f'route="{number}"'], "group_by": random.sample(NAMES, random.randint(0, 4))}
    if random.random() < 0.5:
        keys["match_re"] = {random.choice(NAMES): random.choice(["", ".*", "1|.*", "(?i).*"])}
    if random.random() < 0.3:
        keys["match"] = {"route": str(number)}
    return keys


@pytest.mark.slow
def test_group_keys_and_the_order_of_alerts_are_alertmanagers(tmp_path_factory: pytest.TempPathFactory) -> None:
    random = Random(20)
    routes = [child(random, number) for number in range(80)]
    label_sets = [
        {"route": str(random.randrange(len(routes)))}
        | {name: random.choice(VALUES) for name in NAMES if random.random() < 0.5}
        for _ in range(1_200)
    ]
    root = {"receiver": "r", "group_wait": "2s", "group_interval": "1h", "routes": routes}

    async def run() -> list[dict[str, Any]]:
        async with Hook() as hook:
            config = {"route": root, "receivers": [{"name": "r", "webhook_configs": [{"url": f"{hook.address}/"}]}]}
            with Alertmanager(tmp_path_factory.mktemp("alertmanager"), config) as server:
                until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
                body = [{"labels": labels, "endsAt": until} for labels in label_sets]
                assert (await asyncio.to_thread(server.call, "POST", "/alerts", body))[0] == 200
                count = -1
                while count != len(hook.taken) or not count:
                    count = len(hook.taken)
                    await asyncio.sleep(2.5)
            return [body for _, body in hook.taken]

    tree = compile_tree(msgspec.convert({"receiver": "r", "routes": routes}, Route))
    keys: dict[str, list[dict[str, str]]] = {}
    for labels in {fingerprint(labels): labels for labels in label_sets}.values():
        [node] = tree.match(labels)
        keys.setdefault(group_key(node, node.options.group_labels(labels)), []).append(labels)
    taken = asyncio.run(run())

    assert {body["groupKey"] for body in taken} == set(keys)
    for body in taken:
        alerts = [
            msgspec.structs.replace(make_alert(), labels=labels, fingerprint=fingerprint(labels))
            for labels in keys[body["groupKey"]]
        ]
        random.shuffle(alerts)
        ours = notify(GROUP, "r", alerts, [], reason="", now_ms=START_MS)
        assert [alert.labels for alert in ours.alerts] == [alert["labels"] for alert in body["alerts"]]
        assert ours.common_labels == body["commonLabels"]
    assert len(taken) > 300
