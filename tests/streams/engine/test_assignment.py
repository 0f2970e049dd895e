"""Whatever was begun for an assignment ends when the group revokes it."""

from __future__ import annotations

import asyncio

import pytest

from driftbell.streams.engine.assignment import Assignment


async def test_what_is_revoked_takes_no_effect_any_more() -> None:
    assignment, claimed, asked = Assignment(), [], asyncio.Event()

    async def claim() -> None:
        asked.set()
        await asyncio.sleep(30)
        claimed.append(True)

    claims = asyncio.create_task(assignment.run({"claim": claim}))
    await asked.wait()
    await assignment.revoke()
    await claims

    assert claimed == []
    assert not assignment.busy


async def test_a_revoked_assignment_begins_nothing() -> None:
    assignment, begun = Assignment(), []

    async def claim() -> None:
        begun.append(True)

    await assignment.revoke()
    await assignment.run({"claim": claim})
    assignment.start(claim, "again", lambda _: None)

    assert begun == []


async def test_an_answer_that_came_just_before_the_revocation_is_not_taken() -> None:
    """The store has answered, but the claim has not run on yet."""
    assignment, claimed = Assignment(), []
    answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def claim() -> None:
        await answer
        claimed.append(True)

    claims = asyncio.create_task(assignment.run({"claim": claim}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answer.set_result(None)
    await assignment.revoke()
    await claims

    assert claimed == []


async def test_the_first_error_is_raised_and_the_others_go_on() -> None:
    assignment, done = Assignment(), asyncio.Event()

    async def broken() -> None:
        raise OSError("no answer")

    async def slow() -> None:
        await asyncio.sleep(0.01)
        done.set()

    with pytest.raises(OSError, match="no answer"):
        await assignment.run({"broken": broken, "slow": slow})
    await asyncio.wait_for(done.wait(), 5)


async def test_a_caller_that_is_cancelled_itself_is_cancelled() -> None:
    assignment = Assignment()
    claims = asyncio.create_task(assignment.run({"claim": lambda: asyncio.sleep(30)}))
    await asyncio.sleep(0)
    claims.cancel()

    with pytest.raises(asyncio.CancelledError):
        await claims
