"""Runs the demo: starts the services, tells the story, and judges by what the channels received."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from driftbell.demo.data import readings
from driftbell.demo.ending import Ending
from driftbell.demo.pages import Channel, News, Pages
from driftbell.demo.screen import Screen, short
from driftbell.demo.services import GRACE, Services, running
from driftbell.demo.settings import REFERENCE_EVENTS, REFERENCE_LABELS
from driftbell.demo.story import CHAPTERS, Chapter, Phase
from driftbell.demo.summary import NEXT, summary
from driftbell.demo.traffic import RATE, Traffic
from driftbell.embedded import EmbeddedBroker, ProcessGroup
from driftbell.errors import CommandError
from driftbell.exit_codes import ExitCode

#: What a page about the labels says, and a page about the data does not: the ``family`` label.
ABOUT_ACCURACY = "family=performance"

#: Seconds of traffic that must stay quiet after the references are learned.
QUIET_SECONDS = 2.0

#: Seconds for which a chapter goes on when all that it expects has come, so that people can read it.
READING_SECONDS = 2.0

#: Seconds between two looks at everything.
_LOOK = 0.05

#: The picture of the mail about the accuracy.
PICTURE = "driftbell-demo-mail.png"

#: Times that the folder is removed until it stays away.
REMOVALS = 10


def demo(*, seed: int, keep_logs: bool, ending: Ending) -> int:
    """Tell the story on standard output; the exit code says whether it came true."""
    screen = Screen(sys.stdout)
    directory = Path(tempfile.mkdtemp(prefix="driftbell-demo-"))
    keep = keep_logs

    def remove() -> None:
        if not keep:
            _remove(directory)

    try:
        with ProcessGroup(directory) as processes, EmbeddedBroker() as broker:
            ending.clean(processes.kill, remove)
            try:
                return asyncio.run(_Demo(screen, processes, broker, directory, seed).tell())
            except CommandError:
                keep = True
                raise
            finally:
                if not ending.begun:
                    processes.stop(GRACE)
    except KeyboardInterrupt:
        screen.clear()
        screen.say("stopped; nothing is left running")
        raise
    finally:
        if keep:
            screen.say(f"logs: {directory}")
        remove()


def _remove(directory: Path) -> None:
    """Remove the folder, which a process that is just being killed may still be writing into."""
    for _ in range(REMOVALS):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
        time.sleep(_LOOK)


class _Demo:
    def __init__(
        self, screen: Screen, processes: ProcessGroup, broker: EmbeddedBroker, directory: Path, seed: int
    ) -> None:
        self._screen = screen
        self._processes = processes
        self._broker = broker
        self._directory = directory
        self._seed = seed
        self._pages = Pages(time.monotonic)
        self._begun: dict[Phase, float] = {}
        self._told: set[str] = set()

    async def tell(self) -> int:
        screen = self._screen
        async with running(self._processes, self._broker, self._directory, self._pages) as services:
            traffic = Traffic(readings(self._seed), services.client)
            traffic.train()
            await services.ready(screen)
            answering = asyncio.create_task(traffic.run())
            try:
                for chapter in CHAPTERS:
                    await self._chapter(chapter, services, traffic, answering)
            finally:
                answering.cancel()
                await asyncio.gather(answering, return_exceptions=True)
        screen.say()
        for line in summary(self._pages, self._begun[Phase.BROKEN], self._begun[Phase.FIXED]):
            screen.say(line)
        self._show_picture()
        screen.say()
        screen.say(NEXT)
        return ExitCode.OK

    def _show_picture(self) -> None:
        """The picture of a mail as a file: the folder of the demo is removed, so it lies beside it."""
        picture = next((page.picture for page in self._pages if page.picture), b"")
        if not picture:
            return
        file = Path(tempfile.gettempdir()) / PICTURE
        try:
            file.write_bytes(picture)
        except OSError as error:
            self._screen.say(f"  the mail has a picture, which cannot be written: {error}")
        else:
            self._screen.say(f"  the picture in the mail: {file}")

    async def _chapter(
        self, chapter: Chapter, services: Services, traffic: Traffic, answering: asyncio.Task[None]
    ) -> None:
        self._screen.chapter(chapter.title, chapter.story, chapter.expected)
        traffic.phase = chapter.phase
        begun = self._begun[chapter.phase] = time.monotonic()
        done = self._done(chapter.phase, traffic, begun)
        done_since: float | None = None
        while done_since is None or time.monotonic() - done_since < READING_SECONDS:
            if answering.done():
                answering.result()
            services.look()
            self._print_news()
            # A page that opens again after its close is not closed.
            done_since = (done_since or time.monotonic()) if done() else None
            if done_since is None and time.monotonic() - begun > chapter.patience:
                raise CommandError(self._missing(chapter), "see the logs of the worker and the router")
            self._screen.status(_status(traffic))
            await asyncio.sleep(_LOOK)

    def _done(self, phase: Phase, traffic: Traffic, begun: float) -> Callable[[], bool]:
        if phase is Phase.QUIET:
            quiet_events = round(QUIET_SECONDS * RATE)
            return lambda: (
                self._no_false_page()
                and traffic.predictions >= REFERENCE_EVENTS + quiet_events
                and traffic.labels >= REFERENCE_LABELS + quiet_events
            )
        if phase is Phase.BROKEN:
            return lambda: all(
                len(self._pages.opened_since(begun, word)) == len(Channel) for word in ("", ABOUT_ACCURACY)
            )
        return lambda: not self._pages.open

    def _no_false_page(self) -> bool:
        for page in self._pages:
            raise CommandError(f"a page came while all was well: {page.channel}: {page.text}", "please report it")
        return True

    def _missing(self, chapter: Chapter) -> str:
        waited = f"after {chapter.patience:.0f} s"
        if chapter.phase is Phase.BROKEN:
            begun = self._begun[Phase.BROKEN]
            wanted = {"any page": "", "the page about accuracy": ABOUT_ACCURACY}
            missing = [
                f"{what} on {channel}"
                for what, word in wanted.items()
                for channel in Channel
                if channel not in self._pages.opened_since(begun, word)
            ]
            return f"{waited} these had not arrived: {', '.join(missing)}"
        if chapter.phase is Phase.FIXED:
            still = ", ".join(f"{page.channel}: {page.text}" for page in self._pages.open)
            return f"{waited} these were still open: {still}"
        return f"{waited} the model had not had enough traffic; the machine is too slow or too busy"

    def _print_news(self) -> None:
        for news, page in self._pages.take_news():
            if news is News.CLOSED:
                self._screen.closed(page.channel, page.latest, (page.closed or page.opened) - page.opened)
                continue
            # Three channels say the same; said once in full it is easier to read.
            told = page.latest in self._told
            self._told.add(page.latest)
            text = f"the same: {short(page.latest)}" if told else page.latest
            if news is News.OPENED:
                self._screen.opened(page.channel, text)
            else:
                self._screen.changed(page.channel, text)


def _status(traffic: Traffic) -> str:
    accuracy = (
        "" if traffic.accuracy is None else f", accuracy of the last {len(traffic.recent):,}: {traffic.accuracy:.1%}"
    )
    return f"{traffic.predictions:,} predictions, {traffic.labels:,} labels{accuracy}"
