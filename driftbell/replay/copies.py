"""Files that can be read only once, copied: a replay reads each of its files several times."""

from __future__ import annotations

import shutil
import stat
import sys
from pathlib import Path
from typing import IO

from driftbell.errors import UsageError
from driftbell.history.jsonl import STDIN
from driftbell.runtime.printable import printable


class Copies:
    """Copies of standard input, pipes and terminals in a folder, each made once, with the name's ending.

    Args:
        folder: an empty folder; whoever made it removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, str] = {}

    def readable(self, path: str) -> str:
        """``path`` itself if it can be read again and again, else its copy.

        Raises:
            UsageError: the pipe cannot be read.
        """
        if path in self._made:
            return self._made[path]
        if path == STDIN:
            return self._copied(path, sys.stdin.buffer, "standard-input.jsonl")
        try:
            mode = Path(path).stat().st_mode
        except (OSError, ValueError):
            return path  # whoever opens it says what is wrong with it
        if not (stat.S_ISFIFO(mode) or (stat.S_ISCHR(mode) and _is_terminal(path))):
            return path
        # A pipe that nobody writes to is waited for without end, so it is said what for.
        print(f"reading {printable(path)}, which is no file, to its end", file=sys.stderr, flush=True)
        try:
            with Path(path).open("rb") as pipe:
                return self._copied(path, pipe, Path(path).name)
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None

    def _copied(self, path: str, source: IO[bytes], name: str) -> str:
        folder = self._folder / str(len(self._made))
        folder.mkdir()
        with (folder / name).open("wb") as copy:
            shutil.copyfileobj(source, copy)
        self._made[path] = str(folder / name)
        return self._made[path]


def _is_terminal(path: str) -> bool:
    try:
        with Path(path).open("rb") as device:
            return device.isatty()
    except OSError:
        return False
