"""The cases that every channel repeats. A channel's test module makes a ``Bench`` and subclasses the suite."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings

from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.http import new_session
from driftbell.alerting.channels.secrets import SecretSource
from driftbell.alerting.outbox.outcome import OutcomeReason, Retry
from driftbell.alerting.rendering.templates import Template
from driftbell.alerting.state.records import Kind
from driftbell.fakes.faults import Fault, Faults
from tests.alerting.channels.deliveries import HOSTILE, delivery, hostile_alert, hostile_texts, huge, outcome_text

#: Raises whenever it is rendered with a real delivery, and not with the sample that is tried at the start.
BROKEN_TEMPLATE = "{{ 'fine' if receiver == 'sample' else undefined_thing.attribute }}"


#: The suite is inherited by design, and a fake does not mind being used again.
_SUITE = [HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]


@dataclass
class Bench:
    """One channel under test with the fake behind it."""

    #: Make the channel: ``make(secret=..., template=..., impatient=...)``.
    make: Callable[..., Channel]
    faults: Faults
    #: Everything the vendor has accepted, as text.
    accepted: Callable[[], list[str]]
    #: What the vendor's rules had against what it got.
    violations: Callable[[], list[str]]
    secret: str
    stop: Callable[[], Any]


@dataclass
class Sessions:
    """A usual HTTP session, and one whose patience a test can wait for."""

    usual: aiohttp.ClientSession
    impatient: aiohttp.ClientSession

    def __call__(self, *, impatient: bool) -> aiohttp.ClientSession:
        return self.impatient if impatient else self.usual


@contextlib.asynccontextmanager
async def new_sessions() -> AsyncIterator[Sessions]:
    """Both sessions, closed in the end."""
    async with new_session() as usual, new_session(connect_seconds=0.3, total_seconds=0.3) as impatient:
        yield Sessions(usual, impatient)


class ChannelContract:
    """Subclasses define the fixture ``bench``, and how their vendor says no where that differs."""

    #: How a message says what was measured.
    measured: tuple[str, ...] = ("Error rate 9.8 % over 1,204 events", "usually 4.1 %")

    async def test_a_page_is_accepted_and_says_what_happened(self, bench: Bench) -> None:
        outcome = await bench.make().send(delivery())

        assert outcome.reason is OutcomeReason.SENT
        [text] = bench.accepted()
        assert "error rate of fraud v3 rose from 4.1 % to 9.8 %" in text
        for fact in (
            *self.measured,
            "amount",
            "2026-11-24 13:58:00 UTC",
            "runbooks.example.org",
        ):
            assert fact in text, fact

    async def test_a_hanging_vendor_is_left_with_an_unknown_outcome(self, bench: Bench) -> None:
        bench.faults.add(Fault("hang"))
        async with asyncio.timeout(5):
            outcome = await bench.make(impatient=True).send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.NO_ANSWER, Retry.UNKNOWN)
        assert bench.accepted() == []

    @pytest.mark.parametrize("fault", ["drop", "lose"])
    async def test_a_connection_that_breaks_after_the_request_is_an_unknown_outcome(
        self, bench: Bench, fault: Any
    ) -> None:
        bench.faults.add(Fault(fault))
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.NO_ANSWER, Retry.UNKNOWN)
        assert len(bench.accepted()) == (fault == "lose")

    async def test_a_vendor_that_is_not_there_has_got_nothing(self, bench: Bench) -> None:
        channel = bench.make()
        await bench.stop()
        outcome = await channel.send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.CONNECTION_FAILED, Retry.YES)

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    async def test_hostile_text_is_delivered_within_the_vendors_rules(self, bench: Bench, text: str) -> None:
        channel = bench.make()
        for kind in (Kind.TRIGGER, Kind.RESOLVE):
            outcome = await channel.send(delivery(kind, [hostile_alert(text)] if kind is Kind.TRIGGER else ()))
            assert outcome.reason is OutcomeReason.SENT, outcome

        assert bench.violations() == []
        for accepted in bench.accepted():
            self.check_harmless(accepted)

    @given(text=hostile_texts)
    @settings(max_examples=40, suppress_health_check=[*_SUITE, HealthCheck.too_slow])
    async def test_any_text_is_delivered_within_the_vendors_rules(self, bench: Bench, text: str) -> None:
        outcome = await bench.make().send(delivery(alerts=[hostile_alert(text)]))

        assert outcome.reason is OutcomeReason.SENT, outcome
        assert bench.violations() == []
        self.check_harmless(bench.accepted()[-1])

    async def test_more_than_the_vendor_takes_is_cut_and_counted(self, bench: Bench) -> None:
        outcome = await bench.make().send(delivery(alerts=huge()))

        assert outcome.ok, outcome
        assert bench.violations() == []
        [text] = bench.accepted()
        assert re.search(r"\b24[5-9]\b", text), "of 250, as many as fit are shown"

    async def test_a_template_decides_the_text(self, bench: Bench) -> None:
        template = Template("{{ alerts[0].labels.model }} is {{ status }} ({{ firing }})", "test")
        outcome = await bench.make(template=template).send(delivery())

        assert outcome.reason is OutcomeReason.SENT
        assert "fraud is firing (1)" in bench.accepted()[0]

    async def test_a_template_that_fails_sends_the_minimal_page(self, bench: Bench) -> None:
        outcome = await bench.make(template=Template(BROKEN_TEMPLATE, "test")).send(delivery())

        assert outcome.reason is OutcomeReason.SENT_MINIMAL
        assert "error rate of fraud v3" in bench.accepted()[0]

    async def test_content_that_is_refused_is_sent_again_as_the_minimal_page(self, bench: Bench) -> None:
        bench.faults.add(self.refusal())
        outcome = await bench.make().send(delivery())

        assert outcome.reason is OutcomeReason.SENT_MINIMAL
        [text] = bench.accepted()
        assert "error rate of fraud v3" in text
        assert "amount" not in text

    async def test_content_that_is_refused_twice_is_a_permanent_failure(self, bench: Bench) -> None:
        bench.faults.add(self.refusal(), times=2)
        outcome = await bench.make().send(delivery())

        assert (outcome.reason, outcome.retry) == (OutcomeReason.CONTENT_REJECTED, Retry.NO)
        assert len(bench.faults) == 0

    async def test_the_secret_is_in_no_log_and_no_outcome(self, bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        channel = bench.make()
        outcomes = [await channel.send(delivery())]
        for fault in (Fault("drop"), self.echo(bench.secret), self.refusal(), self.refusal()):
            bench.faults.add(fault)
            outcomes.append(await channel.send(delivery()))
        await bench.stop()
        outcomes.append(await channel.send(delivery()))

        assert not all(outcome.ok for outcome in outcomes)
        # What the fake of a mail server logs is the vendor's affair.
        ours = [record for record in caplog.records if record.name != "mail.log"]
        logged = [record.getMessage() + outcome_text(record.__dict__) for record in ours]
        assert bench.secret not in outcome_text(outcomes, channel.rate, *logged)

    async def test_a_secret_from_a_file_is_read_anew_at_every_send(self, bench: Bench, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text(f"{bench.secret}\n")
        channel = bench.make(secret=SecretSource("test", file=str(file)))
        assert (await channel.send(delivery())).ok

        file.unlink()
        gone = await channel.send(delivery())
        assert (gone.reason, gone.retry) == (OutcomeReason.SECRET_MISSING, Retry.YES)
        assert str(file) in gone.detail

        file.write_text(bench.secret)
        assert (await channel.send(delivery())).ok

    def check_harmless(self, accepted: str) -> None:
        """Assert that nothing in what the vendor took is more than text."""
        raise NotImplementedError

    def refusal(self) -> Fault:
        """How the vendor says that the content is wrong."""
        return Fault(status=400)

    def echo(self, secret: str) -> Fault:
        """An error answer that repeats the secret."""
        return Fault(status=500, body=f"cannot handle {secret}")
