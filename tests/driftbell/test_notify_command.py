"""``driftbell notify test``: a page that says that it is a test reaches every channel of a receiver, and is closed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from driftbell import cli
from driftbell.exit_codes import ExitCode
from tests.alerting.vendors import Vendors


@pytest.fixture
async def vendors() -> AsyncIterator[Vendors]:
    async with Vendors() as found:
        yield found


@pytest.fixture
def file(vendors: Vendors, tmp_path: Path) -> str:
    settings = vendors.settings({"bootstrap.servers": "127.0.0.1:9"})
    # Another receiver cannot work: that is no reason not to try this one.
    settings["router"]["receivers"].append(
        {"name": "broken", "slack_configs": [{"channel": "#x", "api_url_file": "/nowhere"}]}
    )
    path = tmp_path / "driftbell.yaml"
    path.write_text(yaml.safe_dump(settings))
    return str(path)


async def run(command: list[str]) -> int:
    """In a thread: the command has an event loop of its own, and the fakes answer in this one."""
    return await asyncio.to_thread(cli.main, command)


async def test_every_channel_opens_it_and_closes_it(
    vendors: Vendors, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = await asyncio.to_thread(
        cli.main, ["notify", "test", "oncall", "--severity", "critical", "--json", "-c", file]
    )

    assert code == ExitCode.OK
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["destination"], one["step"], one["result"]) for one in steps] == [
        (f"oncall/{kind}[0]", step, "sent") for kind in ("slack", "pagerduty", "email") for step in ("open", "close")
    ]
    [incident] = vendors.pagerduty.incidents
    assert incident.closed is not None
    assert "This is a test of the receiver oncall" in incident.summary
    assert len(vendors.smtp.mails) == 2
    opened, closed = (mail.message for mail in vendors.smtp.mails)
    assert closed["Subject"] == f"Re: {opened['Subject']}"
    plain = opened.get_body(("plain",))
    assert plain is not None
    body = plain.get_content()
    assert "driftbell ack" not in body and "driftbell events tail" not in body
    [message] = [one for one in vendors.slack.messages if one.thread_ts is None]
    assert "RESOLVED" in message.text.upper()


async def test_it_can_be_left_open(vendors: Vendors, file: str) -> None:
    code = await run(["notify", "test", "oncall", "--leave-open", "-c", file])

    assert code == ExitCode.OK
    assert len(vendors.pagerduty.open) == 1


async def test_a_channel_that_refuses_is_named(vendors: Vendors, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    await vendors.smtp.stop()

    code = await run(["notify", "test", "oncall", "-c", file])

    assert code == ExitCode.FAILED
    said = capsys.readouterr()
    assert "oncall/email[0]  open  connection failed" in said.out
    assert "docs/operations.md" in said.err
    assert [one.closed is not None for one in vendors.pagerduty.incidents] == [True]


def test_an_unknown_receiver_is_refused_with_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "driftbell.yaml"
    path.write_text("router: {route: {receiver: oncall}, receivers: [{name: oncall}]}\n")

    assert cli.main(["notify", "test", "oncal", "-c", str(path)]) == ExitCode.USAGE
    assert "did you mean oncall?" in capsys.readouterr().err


def test_a_receiver_without_channels_says_that_it_notifies_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "driftbell.yaml"
    path.write_text("router: {route: {receiver: oncall}, receivers: [{name: oncall}]}\n")

    assert cli.main(["notify", "test", "oncall", "-c", str(path)]) == ExitCode.OK
    assert "it notifies nobody" in capsys.readouterr().out
