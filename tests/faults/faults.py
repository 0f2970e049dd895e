"""The faults, by name. Each strikes a run once, and undoes what it must undo."""

from __future__ import annotations

import time

from confluent_kafka import TopicPartition
from msgspec.structs import replace

from driftbell.streams.engine.crash_points import CrashPoint
from tests.faults.clock import clock_environment, set_clock
from tests.faults.haste import hasty_environment
from tests.faults.producers import METADATA_AGE_MS, add_partition, homely_prefix, send_mistakes
from tests.faults.records import RECORD_BYTES, allow_giants, is_poison, poisonous_environment, send_giants, send_poison
from tests.faults.scenario import Fault, Run, saved
from tests.pipeline.oracle import read_partition


def _none(run: Run) -> None:
    """Nothing: the oracle itself must agree."""


def _sigterm(run: Run) -> None:
    """A deployment: one worker drains, another comes."""
    victim = run.victim()
    victim.stop()
    run.start_worker()


def _sigkill(run: Run) -> None:
    """A worker dies without a word, another comes."""
    run.victim().kill()
    run.start_worker()


def _sigstop(run: Run) -> None:
    """A worker freezes past its session, its partitions move, and it wakes up as a zombie."""
    victim = run.victim()
    victim.pause()
    time.sleep(run.config.worker.session_timeout * 1.6)
    victim.resume()


def _join(run: Run) -> None:
    """The fleet grows under load."""
    run.start_worker().wait_until_it_answers()


def _redis_killed(run: Run) -> None:
    """Redis dies and comes back with what its append-only file has."""
    run.redis.kill()
    time.sleep(run.rng.uniform(0.5, 4.0))
    run.redis.start()


def _redis_rolled_back(run: Run) -> None:
    """Redis comes back with the state of a second ago."""
    before = run.redis.snapshot()
    time.sleep(1.2)
    run.redis.kill()
    run.redis.roll_back(before)
    run.redis.start()


def _broker_killed(run: Run) -> None:
    """The broker dies and comes back."""
    run.kafka.restart(kill=True)


def _broker_gone(run: Run) -> None:
    """The broker is away for longer than any session."""
    run.kafka.kill()
    time.sleep(run.config.worker.session_timeout * 2.5)
    run.kafka.start()


def _router_killed(run: Run) -> None:
    """The router dies without a word and is started again."""
    down = time.time()
    run.router.kill()
    run.router.launch()
    run.router.wait_until_it_answers()
    run.router_down = (down, time.time())


def _follower_frozen(run: Run) -> None:
    """A broker freezes: records wait for it at their leaders, appended and invisible, until it is taken for dead."""
    node = run.rng.choice(run.kafka.nodes)
    node.pause()
    time.sleep(run.rng.uniform(1.0, 8.0))
    node.resume()


def _leader_killed(run: Run) -> None:
    """A broker dies: its partitions get new leaders, and it comes back as a follower."""
    node = run.rng.choice(run.kafka.nodes)
    node.kill()
    time.sleep(run.rng.uniform(0.5, 4.0))
    node.start()


def _brokers_rolled(run: Run) -> None:
    """Every broker is restarted in turn, as in an upgrade: all leaders change, some twice."""
    for node in run.kafka.nodes:
        node.restart()


def _clock_set(run: Run, seconds: int) -> None:
    set_clock(run, seconds)
    time.sleep(3.0)
    set_clock(run, 0)


def _clock_ahead(run: Run) -> None:
    """A worker's clock is an hour ahead for three seconds."""
    _clock_set(run, 3600)


def _clock_back(run: Run) -> None:
    """A worker's clock is an hour back for three seconds."""
    _clock_set(run, -3600)


def _giants(run: Run) -> None:
    """Giants of key, value and names beside small bad records, and good events that fill a fetch together."""
    send_giants(run)


def _poison(run: Run) -> None:
    """Records at which every worker fails: they are stepped over, and nothing else is."""
    send_poison(run)


def _retention(run: Run) -> None:
    """Retention deletes what was read, while events flow, and a worker dies: the next finds a log that begins later."""
    sources = {(stream, partition): offset for (stream, partition), offset in saved(run.config).items() if offset}
    for (stream, partition), offset in sources.items():
        topic = stream.topic(run.config.topics)
        records = read_partition(run.config, topic, partition)
        run.deleted[topic, partition] = [record for record in records if record.offset < offset]
    admin = run.kafka.admin()
    request = [TopicPartition(s.topic(run.config.topics), partition, end) for (s, partition), end in sources.items()]
    for future in admin.delete_records(request).values():
        future.result(30)
    run.victim().kill()
    run.start_worker()


def _partitions_added(run: Run) -> None:
    """A partition is added to the inputs: the workers end and say what to do, and a new group reads everything."""
    add_partition(run)


def _key_mistakes(run: Run) -> None:
    """Records without a key, with another key and placed by another partitioner, and a worker dies meanwhile."""
    run.victim().kill()
    send_mistakes(run)
    run.start_worker()


FAULTS: dict[str, Fault] = {
    "none": _none,
    "follower_frozen": _follower_frozen,
    "leader_killed": _leader_killed,
    "brokers_rolled": _brokers_rolled,
    "clock_ahead": _clock_ahead,
    "clock_back": _clock_back,
    "sigterm": _sigterm,
    "sigkill": _sigkill,
    "sigstop": _sigstop,
    "join": _join,
    "redis_killed": _redis_killed,
    "redis_rolled_back": _redis_rolled_back,
    "broker_killed": _broker_killed,
    "broker_gone": _broker_gone,
    "router_killed": _router_killed,
    "retention": _retention,
    "giants": _giants,
    "poison": _poison,
    "partitions_added": _partitions_added,
    "key_mistakes": _key_mistakes,
}


def _crash_at(point: CrashPoint) -> Fault:
    def crash(run: Run) -> None:
        """The first worker dies at a named point of its work; see ``prepare``."""
        run.start_worker()

    crash.__doc__ = f"A worker dies just after the point {point.value}, and another comes."
    return crash


FAULTS |= {f"crash:{point.value}": _crash_at(point) for point in CrashPoint}


def prepare(name: str, run: Run) -> None:
    """Set up what a fault needs before the workers start."""
    if name.startswith("clock_"):
        run.environment[0] = clock_environment(run.folder)
    if name == "giants":
        allow_giants(run)
        run.config = replace(run.config, worker=replace(run.config.worker, max_record_bytes=RECORD_BYTES))
    if name == "poison":
        run.environment.update(dict.fromkeys(range(10), poisonous_environment()))
        run.stepped_over = is_poison
    if name == "partitions_added":
        partitions = run.config.topics.partitions
        run.model_prefix = homely_prefix(2, partitions, partitions + 1)
        run.config = replace(run.config, kafka=run.config.kafka | {"metadata.max.age.ms": METADATA_AGE_MS})
    if name == "key_mistakes":
        run.environment.update(dict.fromkeys(range(10), hasty_environment()))
    if name.startswith("crash:"):
        point = name.partition(":")[2]
        nth = 1 if point == CrashPoint.CLAIMED else run.rng.randrange(2, 6)
        run.environment[0] = {"DRIFTBELL_CRASH_AT": f"{point}:{nth}"}
