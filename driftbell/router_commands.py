"""What commands share that ask the router for something: the way to its store, and the words for what went wrong."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from driftbell.errors import CommandError, UsageError

if TYPE_CHECKING:
    from driftbell.alerting.state.silence import Action, Answer
    from driftbell.alerting.state.store import CommandBox
    from driftbell.runtime.config.model import Config

T = TypeVar("T")

#: How long a router has to take a command up, seconds. It looks every second.
WAIT_SECONDS = 10.0

#: What to do, by the reason of an answer.
_FIXES = {
    "not_found": "`driftbell silence list` shows the ids",
    "not_firing": "`driftbell alerts` shows what fires, with its names",
}


def done(config: Config, actions: Sequence[Action]) -> list[Answer]:
    """Have the router that leads do something, one after the other.

    Raises:
        CommandError: it cannot be asked, or none answered.
    """
    import uuid

    from driftbell.alerting.commands.asking import ask
    from driftbell.alerting.state.silence import Command

    async def all_of_them(box: CommandBox) -> list[Answer]:
        return [await ask(box, Command(id=str(uuid.uuid4()), action=one), seconds=WAIT_SECONDS) for one in actions]

    return at_store(config, all_of_them)


def at_store(config: Config, work: Callable[[CommandBox], Awaitable[T]]) -> T:
    """Do something at the store of the routers.

    Raises:
        CommandError: it is in another process's memory, does not answer, or no router took a command up.
    """
    import asyncio

    from driftbell.alerting.commands.asking import NoLeaderError
    from driftbell.alerting.errors import RouterError, StoreUnavailableError
    from driftbell.alerting.process.service import store_of
    from driftbell.runtime.redis import is_memory

    if is_memory(config.redis):
        raise CommandError(
            "redis.url is memory://, which only the router's own process can see", "give the router a Redis"
        )

    async def run() -> T:
        store = store_of(config)
        try:
            return await work(store)
        finally:
            await store.close()

    try:
        return asyncio.run(run())
    except NoLeaderError as error:
        raise CommandError(str(error), "is a router running? Its /readyz says whether it leads") from error
    except StoreUnavailableError as error:
        raise CommandError(str(error), "is it running, and is redis.url right?") from error
    except RouterError as error:
        raise CommandError(str(error)) from error


def refused(target: str, answer: Answer) -> str:
    """What a person is told of something that the router did not do, with the fix.

    Args:
        target: what it was about, as it was typed; may be empty.
        answer: with an error.
    """
    fix = _FIXES.get(answer.reason, "correct it; nothing was done")
    about = f"{target}: " if target and target not in answer.error else ""
    return str(CommandError(f"driftbell: {about}{answer.error}", fix))


def length_ms(text: str, option: str) -> int:
    """A duration as it is typed.

    Raises:
        UsageError: it is none, it is nothing, or it says no unit, which one may mean as minutes and another as seconds.
    """
    from driftbell.runtime.config.duration import parse_duration

    try:
        found = round(parse_duration(text) * 1000)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error
    if not text[-1].isalpha() and found:
        raise UsageError(f"{option}: {text!r} has no unit", f"write {text}m for minutes, or {text}s, {text}h, {text}d")
    if found == 0:
        raise UsageError(f"{option} must be more than 0; write it as 30m, 2h or 1d")
    return found


def moment_ms(text: str, option: str) -> int:
    """A moment as it is typed, epoch milliseconds.

    Raises:
        UsageError: it is none, or says no zone: two people would mean two moments.
    """
    from datetime import datetime

    from driftbell.alerting.times import to_ms

    try:
        found = to_ms(text)
        has_zone = datetime.fromisoformat(text).tzinfo is not None
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{option}: {text!r} is not a time", "write it as 2026-12-01T08:00:00Z") from error
    if not has_zone:
        fix = "write it as 2026-12-01T08:00:00Z, or with an offset: 2026-12-01T09:00:00+01:00"
        raise UsageError(f"{option}: {text!r} has no zone", fix)
    return found


def who() -> str:
    """The user of this process; empty where it has none."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
