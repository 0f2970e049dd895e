"""A rolling upgrade: workers of an earlier commit are replaced one by one by workers of this code, while events flow.

Examples:
    python -m tests.faults.upgrade                          one upgrade from each of the earlier commits
    python -m tests.faults.upgrade --from 7514533 --seeds 5

The earlier code is taken out of git's history. Afterwards the state must be that of a recomputation by this code (offsets,
counts, waiting predictions, references, windows, the life of alerts), and so must the alerts. Left out is what the earlier
code did not keep or named otherwise, and the numbers inside the detectors, whose arithmetic has been corrected since. Then
a worker of the earlier code is started again: it must refuse.
"""

from __future__ import annotations

import argparse
import io
import math
import random
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from driftbell.runtime.config.model import Config
from driftbell.runtime.config.router import RouterConfig
from driftbell.schemas import Alert
from driftbell.streams.encoding import unpack
from driftbell.streams.partition.model import MODEL_FORMAT
from tests.faults.scenario import PARTITIONS, all_read, configuration, ends
from tests.pipeline import Expected, LiveProducer, Traffic, WorkerProcess, expected_of, stored_of
from tests.pipeline.oracle import published_alerts
from tests.services import KafkaCluster, RedisServer
from tests.services.waiting import wait_until

ROOT = Path(__file__).parents[2]

#: The last commit before the modules moved into rooms (issue 7), and the last before issue 9.
EARLIER = ("7514533", "6043999")

#: Two alerts are the same if they agree in these.
SAME = ("id", "fingerprint", "status", "labels", "episode")


class NoHistoryError(Exception):
    """The commit is not here: a shallow clone, or no repository at all."""


def checkout(commit: str, folder: Path) -> Path:
    """The files of a commit, in a folder of their own.

    Raises:
        NoHistoryError: git does not have the commit.
    """
    found = subprocess.run(["git", "-C", ROOT, "archive", commit], capture_output=True, check=False)
    if found.returncode:
        raise NoHistoryError(found.stderr.decode().strip())
    into = folder / f"code-{commit}"
    with tarfile.open(fileobj=io.BytesIO(found.stdout)) as archive:
        # Our own commit, with the links between its folders. Python asks for a filter from 3.11.4 on.
        archive.extraction_filter = getattr(tarfile, "tar_filter", None)
        archive.extractall(into)  # noqa: S202
    return into


class EarlierWorker(WorkerProcess):
    """A worker of another commit, which knows nothing of settings that came later."""

    def __init__(self, folder: Path, config: Config, code: Path) -> None:
        super().__init__(folder, config, env={"PYTHONPATH": str(code)})
        everything = msgspec.to_builtins(config)
        set_here: dict[str, Any] = {
            "worker": ("group", "session_timeout", "checkpoint_patience", "shutdown_grace"),
            "join": ("horizon", "cache_predictions"),
            "monitoring": ("reference", "monitors", "metrics_window"),
            "topics": ("predictions", "feedback", "alerts", "alerts_active", "metrics", "partitions"),
            "redis": ("url",),
        }
        settings = {room: {name: everything[room][name] for name in names} for room, names in set_here.items()}
        settings["monitoring"]["reference"] = {"events": 400, "labels": 300}
        settings["monitoring"]["monitors"] = {
            name: {"keep_firing_for": monitor["keep_firing_for"]}
            for name, monitor in everything["monitoring"]["monitors"].items()
        }
        settings["worker"]["http_port"] = self.port
        self._file.write_bytes(msgspec.json.encode(settings | {"kafka": everything["kafka"]}))


@dataclass(slots=True)
class Upgraded:
    """What an upgrade left behind; ``differences`` is empty when all is as if there had been none."""

    differences: list[str] = field(default_factory=list)
    events: int = 0
    #: Alert records that workers of the earlier code have published, and those of this code.
    alerts_before: int = 0
    alerts_after: int = 0
    #: Of the workers of this code.
    exit_codes: Counter[int] = field(default_factory=Counter)
    #: How a worker of the earlier code ended that was started again afterwards, and the end of its log.
    rolled_back: int | None = None
    rolled_back_log: str = ""


def upgrade(
    seed: int,
    code: Path,
    folder: Path,
    kafka: KafkaCluster,
    redis: RedisServer,
    *,
    predictions: int = 8_000,
    seconds: float = 24.0,
) -> Upgraded:
    """Two workers of ``code``, replaced in the middle of drift: alerts that the old ones raise are closed by the new ones."""
    topics = kafka.create_all(partitions=PARTITIONS, inputs={"message.timestamp.type": "LogAppendTime"})
    config = old_config = configuration(kafka, redis, topics, f"upgrade-{seed}", RouterConfig())
    old: list[WorkerProcess] = [EarlierWorker(folder / f"old-{n}", config, code) for n in range(2)]
    # The earlier code looks at a model with every tick; gathered batches would be cut elsewhere.
    config = msgspec.structs.replace(config, worker=msgspec.structs.replace(config.worker, gather=0.0))
    new = [WorkerProcess(folder / f"new-{n}", config) for n in range(2)]
    done = Upgraded()
    try:
        for worker in old:
            worker.launch()
        for worker in old:
            worker.wait_until_it_answers()
        start_ms = int(time.time() * 1000) + 200
        events = Traffic(seed, predictions, int(seconds * 1000), change=0.25).events(start_ms)
        producer = LiveProducer(config.kafka, topics, events, start_ms)
        producer.start()
        wait_until(lambda: published_alerts(config, PARTITIONS), "an alert fires", timeout=2 * seconds, pause=0.2)
        time.sleep(random.Random(seed).uniform(0.0, 3.0))
        for before, after in zip(old, new, strict=True):
            done.alerts_before = len(published_alerts(config, PARTITIONS))
            # How it ends is the earlier code's affair: asked to stop in a rebalance it may hang, and is killed.
            before.stop()
            after.launch()
            after.wait_until_it_answers()
        producer.join()
        last = ends(config)
        wait_until(lambda: all_read(config, last), "everything is read", timeout=120, pause=0.5)
        time.sleep(3 * config.worker.tick)
        for worker in new:
            worker.stop()
            done.exit_codes[worker.exit_code(5.0) or 0] += 1
        # A rollback: it must not go on from a state of which it would lose what it does not know.
        back = EarlierWorker(folder / "back", old_config, code)
        old.append(back)
        back.launch()
        done.rolled_back = back.exit_code(60.0)
        done.rolled_back_log = back.log_tail()
    finally:
        for worker in (*old, *new):
            if worker.running:
                worker.kill()
    done.events = len(events)
    _compare(config, done)
    return done


def _compare(config: Config, done: Upgraded) -> None:
    expected: dict[str, Alert] = {}
    for partition in range(PARTITIONS):
        stored = stored_of(config, partition)
        if stored is None:
            continue
        wanted = expected_of(config, partition, stored)
        expected |= wanted.alerts
        done.differences += [f"partition {partition}: {found}" for found in _differences(wanted, stored)]
    published = {alert.id: alert for _, alert in published_alerts(config, PARTITIONS)}
    done.alerts_after = len(published) - done.alerts_before
    for identity in sorted(expected.keys() | published.keys()):
        one, other = expected.get(identity), published.get(identity)
        if _kept(one) != _kept(other):
            done.differences.append(f"alert {_kept(one)} expected, {_kept(other)} published")
    if not expected:
        done.differences.append("the traffic raised no alert at all: the run proves nothing about alerts")


def _kept(alert: Alert | None) -> list[Any] | None:
    return None if alert is None else [getattr(alert, name) for name in SAME]


def _differences(wanted: Expected, stored: Expected) -> list[str]:
    pairs: dict[str, tuple[object, object]] = {
        "offsets": (wanted.offsets, stored.offsets),
        "pending": (wanted.pending, stored.pending),
        "core": (_core(wanted.core), _core(stored.core)),
    }
    for name in sorted(wanted.models.keys() | stored.models.keys()):
        one, other = (_model(side.models.get(name)) for side in (wanted, stored))
        pairs[f"model {name}"] = one, other
    return [f"{what}{where}" for what, (one, other) in pairs.items() for where in _unlike(one, other)]


def _core(core: Mapping[str, Any]) -> dict[str, Any]:
    """The core without what was counted under another name, or not at all."""
    letters, others = "dead_letters_", Counter[str]()
    for name, count in core["counts"].items():
        if not name.startswith("fired_"):
            others[letters if name.startswith(letters) else name] += count
    # Lifted, it is a bound: see ``Partition``.
    return {name: value for name, value in core.items() if name != "highest_episode"} | {"counts": dict(others)}


def _model(blob: bytes | None) -> dict[str, Any]:
    """A model without what its monitors keep: their arithmetic may be another, and their alerts are compared."""
    state: dict[str, Any] = MODEL_FORMAT.decode(blob) if blob is not None else {}
    if "lifecycle" in state:
        # Of alerts that ended with one tick the earlier code may have taken another first.
        state["lifecycle"]["over"] = sorted(state["lifecycle"]["over"], key=repr)
    for watch in (*(subject["watch"] for subject in state.get("subjects", ())), *state.get("arms", {}).values()):
        watch.pop("monitors", None)
    for subject in state.get("subjects", ()):
        # Classes were spelled otherwise: `false` is `0` now.
        subject["windows"].get("answers", {}).pop("classes", None)
        subject["windows"]["open"] = [unpack(window) for window in subject["windows"]["open"]]
    return state


def _unlike(one: Any, other: Any) -> Iterator[str]:
    """Where two plain values differ by more than arithmetic; what the earlier code did not keep may not be there."""
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(other, key=repr):
            for where in _unlike(one.get(name), other[name]):
                yield f"[{name!r}]{where}"
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for at, (mine, its) in enumerate(zip(one, other, strict=True)):
            for where in _unlike(mine, its):
                yield f"[{at}]{where}"
    elif isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.shape == other.shape:
        if not np.allclose(one, other, rtol=1e-5, atol=1e-5, equal_nan=True):
            yield f": off by {np.nanmax(np.abs(one - other))} of {np.nanmax(np.abs(one))}"
    elif isinstance(one, float) and isinstance(other, float):
        if not math.isclose(one, other, rel_tol=1e-5):
            yield f": {one} expected, {other} stored"
    elif isinstance(one, np.ndarray) or isinstance(other, np.ndarray) or one != other:
        yield f": {str(one)[:80]} expected, {str(other)[:80]} stored"


def refused(done: Upgraded) -> bool:
    """Whether the rollback was refused, by the version and with what to do."""
    return done.rolled_back == 1 and "run the newer release again" in done.rolled_back_log


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and report; 0 when every upgrade was exact."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.upgrade", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--from", dest="commits", action="append", help=f"earlier commits (default {EARLIER})")
    parser.add_argument("--seeds", type=int, default=1, help="upgrades from each (default 1)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first seed (default 1)")
    options = parser.parse_args(arguments)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="driftbell-upgrade-") as text, KafkaCluster(Path(text) / "kafka") as kafka:
        for commit in options.commits or EARLIER:
            code = checkout(commit, Path(text))
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                folder = Path(text) / f"{commit}-{seed}"
                with RedisServer(folder / "redis") as redis:
                    done = upgrade(seed, code, folder, kafka, redis)
                if not refused(done):
                    done.differences.append(
                        f"the rollback ended with {done.rolled_back}: {done.rolled_back_log[-500:]}"
                    )
                failed += bool(done.differences)
                print(
                    f"{commit} seed {seed}: {'WRONG' if done.differences else 'exact'}  {done.events:,} records, "
                    f"{done.alerts_before} alerts before and {done.alerts_after} after, exits {dict(done.exit_codes)}",
                    flush=True,
                )
                for difference in done.differences[:20]:
                    print(f"    {difference}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
