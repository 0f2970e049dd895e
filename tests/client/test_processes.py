"""The client in processes of their own: at exit, after a fork, and beside modules that are named like driftbell's."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from driftbell.schemas import decode_prediction
from tests.client.reading import read
from tests.services.embedded import EmbeddedBroker

PROJECT = Path(__file__).parents[2] / "client"


def run(program: str, *arguments: str, folder: Path) -> str:
    """Run ``program`` in ``folder`` with nothing of ours on the path but the client; what it printed."""
    script = folder / "service.py"
    script.write_text(program)
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def arrived(broker: EmbeddedBroker, count: int) -> list[str]:
    """The ids of the predictions that arrived, sorted."""
    records = read(broker.bootstrap, "predictions", count)
    return sorted(decode_prediction(record.value() or b"").prediction_id for record in records)


@pytest.mark.slow
def test_what_waits_is_delivered_at_exit(embedded_broker: EmbeddedBroker, tmp_path: Path) -> None:
    program = """
import sys
from driftbell_client import Client
client = Client(sys.argv[1])
for number in range(100):
    client.predict("m", "1", number, prediction_id=f"p-{number:03}")
"""
    run(program, embedded_broker.bootstrap, folder=tmp_path)

    assert arrived(embedded_broker, 100) == [f"p-{number:03}" for number in range(100)]


def test_a_broker_that_is_down_does_not_hold_up_the_exit_longer_than_asked(tmp_path: Path) -> None:
    program = """
import logging
from driftbell_client import Client
logging.basicConfig(level=logging.WARNING, format="%(name)s %(message)s")
client = Client("127.0.0.1:1", flush_at_exit=0.2)
client.predict("m", "1", 1)
"""
    # The limit of 60 s in run() would catch a wait for delivery.timeout.ms.
    run(program, folder=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_publishes_for_itself_and_the_parent_goes_on(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    program = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 warns of forks beside threads: that is the point.
from driftbell_client import Client
client = Client(sys.argv[1])
client.predict("m", "1", 1, prediction_id="parent-before")
child = os.fork()
if child == 0:
    assert client.stats().published == 0
    client.predict("m", "1", 1, prediction_id="child")
    assert client.flush(20) == 0
    assert client.stats().delivered == 1
    client.predict("m", "1", 1, prediction_id="child-at-exit")
    sys.exit(0)
client.predict("m", "1", 1, prediction_id="parent-after")
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    run(program, embedded_broker.bootstrap, folder=tmp_path)

    assert arrived(embedded_broker, 4) == ["child", "child-at-exit", "parent-after", "parent-before"]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_of_multiprocessing_deliver_at_their_end(
    embedded_broker: EmbeddedBroker, tmp_path: Path, method: str
) -> None:
    program = """
import multiprocessing, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from driftbell_client import Client
client = Client(sys.argv[1])

def work(number):
    client.predict("m", "1", number, prediction_id=f"child-{number}")

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    client.predict("m", "1", 1, prediction_id="parent")
    children = [context.Process(target=work, args=(number,)) for number in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
"""
    run(program, embedded_broker.bootstrap, method, folder=tmp_path)

    assert arrived(embedded_broker, 3) == ["child-0", "child-1", "parent"]


@pytest.mark.slow
def test_a_service_may_have_modules_that_are_named_like_driftbells(
    embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    names = ("schemas", "streams", "alerting", "runtime", "driftbell", "dashboard", "stats", "events", "settings")
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"WHOSE = 'the service, {name}'\n")
    program = f"""
import sys
from driftbell_client import AsyncClient, Client
assert not set({names!r}) & set(sys.modules), "the client imported a module of the service"
import {", ".join(names)}
for name in {names!r}:
    assert sys.modules[name].WHOSE == "the service, " + name
for heavy in ("faust", "aiokafka", "river", "redis", "numpy", "aiohttp", "yaml"):
    assert heavy not in sys.modules, heavy
with Client(sys.argv[1]) as client:
    client.predict("m", "1", 1, prediction_id="p")
    assert client.flush() == 0
print("done")
"""
    assert run(program, embedded_broker.bootstrap, folder=tmp_path) == "done\n"
    assert arrived(embedded_broker, 1) == ["p"]


def test_the_distribution_needs_two_packages_and_holds_one() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())

    assert [name.split(">")[0] for name in project["project"]["dependencies"]] == ["confluent-kafka", "msgspec"]
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["src/driftbell_client"]
    assert [path.name for path in (PROJECT / "src").iterdir() if path.name.isidentifier()] == ["driftbell_client"]
    assert (PROJECT / "src/driftbell_client/py.typed").exists()
