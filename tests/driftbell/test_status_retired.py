"""The status says which destinations are gone from the configuration with something open, and what cannot be closed."""

from __future__ import annotations

from pathlib import Path

from driftbell.alerting.channels.http import new_session
from driftbell.alerting.state.memory import MemoryStore
from driftbell.fakes.pagerduty import PagerDuty
from driftbell.fakes.slack import Slack
from driftbell.status import lines
from driftbell.status.fleet import fleet
from driftbell.status.retired import look
from tests.alerting.destinations.office import B, Office
from tests.alerting.destinations.test_changes import configuration


async def test_what_is_being_closed_is_no_problem_and_what_cannot_be_closed_is_one_with_the_fix(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("a" * 32)
    both = {"oncall": {"pagerduty_configs": [{"routing_key_file": str(file)}, {"routing_key": B}]}}
    one = {"oncall": {"pagerduty_configs": [{"routing_key": B}]}}
    async with PagerDuty() as pagerduty, Slack() as slack, new_session() as session:
        office = Office(session, pagerduty, slack)
        box = MemoryStore(office.shared)
        await office.begin(configuration(office, both))
        await office.fire("fraud")
        await office.run(5)
        assert await look(box) == []

        await office.reload(configuration(office, one))
        [going] = await look(box)
        text = "\n".join(lines(fleet("g", {}, {}, retired=[going])))
        assert "oncall/pagerduty[0] is gone from the configuration, 1 incident there to be closed" in text
        assert fleet("g", {}, {}, retired=[going]).problems == []

        file.unlink()
        await office.run(60)
        [stuck] = await look(box)
        assert (stuck.destination, stuck.open, stuck.since_ms) == ("oncall/pagerduty[0]", 1, going.since_ms)
        [problem] = fleet("g", {}, {}, retired=[stuck]).problems
        assert "1 incident of oncall/pagerduty[0]" in problem and "put its secret back" in problem
        assert "a" * 32 not in problem

    damaged = MemoryStore(office.shared)
    office.shared.tables = {table: {"x": b"\x02damaged"} for table in office.shared.tables}
    assert await look(damaged) == []
