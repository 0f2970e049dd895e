"""Opening a file of text: packed or not, and what it must not be, each with what to do about it."""

from __future__ import annotations

import codecs
import itertools
import zlib
from collections.abc import Iterator
from typing import IO

from driftbell.errors import CommandError, UsageError

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"
#: So much of a file is read to tell what it is.
_LOOK = 4096
#: Small enough that little is lost in front of a damaged byte.
_PIECE = 1 << 14
#: A longer line is no event; the largest that a broker takes is 1 MiB unless it is told otherwise.
MAX_LINE_BYTES = 1 << 26
#: zlib's window bits for gzip's header and trailer.
_GZIP = 31
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class CutShortError(Exception):
    """The file ends in the middle. Its message is the sentence for the person."""


def lines(raw: IO[bytes], name: str) -> Iterator[bytes]:
    """The lines of a file, unpacked if it is gzip, without a byte order mark.

    Raises:
        UsageError: it is UTF-16, or a line is longer than ``MAX_LINE_BYTES``.
        CommandError: it cannot be read.
        CutShortError: it is a gzip file that ends early, or is damaged; the lines before it have been given.
    """
    number = 0
    try:
        start = raw.read(_LOOK)
        packed = start.startswith(GZIP_MAGIC)
        pieces = _unpacked(start, raw) if packed else _read(start, raw)
        first = next(pieces, b"")
        _refuse(first, name, packed=packed)
        # The pieces of the line that has not ended yet: adding each to the last would be quadratic in its length.
        rest: list[bytes] = []
        length = 0
        for piece in itertools.chain((first.removeprefix(codecs.BOM_UTF8),), pieces):
            end, *more = piece.split(b"\n")
            rest.append(end)
            length += len(end)
            if more:
                *whole, last = more
                for line in (b"".join(rest), *whole):
                    number += 1
                    yield line
                rest, length = [last], len(last)
            if length > MAX_LINE_BYTES:
                raise UsageError(
                    f"{name}: line {number + 1:,} is longer than {MAX_LINE_BYTES >> 20} MiB",
                    "one event per line is read",
                )
        if length:
            yield b"".join(rest)
    except (EOFError, zlib.error) as error:
        what = "ends in the middle" if isinstance(error, EOFError) else f"is damaged ({error})"
        raise CutShortError(
            f"the gzip file {what} after {number:,} whole lines, which were read; copy or write it again (gzip -t tests it)"
        ) from None
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror or error}") from None


def _read(piece: bytes, raw: IO[bytes]) -> Iterator[bytes]:
    while piece:
        yield piece
        piece = raw.read(_PIECE)


def _unpacked(piece: bytes, raw: IO[bytes]) -> Iterator[bytes]:
    """The content of a gzip file of one or more members, up to the very byte where it ends early (``gzip`` loses some)."""
    member = zlib.decompressobj(_GZIP)
    while piece:
        yield member.decompress(piece)
        if member.eof:
            piece = member.unused_data.lstrip(b"\0")
            member = zlib.decompressobj(_GZIP) if piece else member
        else:
            piece = b""
        piece = piece or raw.read(_PIECE)
        if piece and member.eof:
            member = zlib.decompressobj(_GZIP)
    if not member.eof:
        raise EOFError


def _refuse(start: bytes, name: str, *, packed: bool) -> None:
    if start.startswith(_UTF16) or start[1:2] == b"\0" or start[:1] == b"\0":
        unpack = f"gzip -dc {name} | iconv -f UTF-16 -t UTF-8" if packed else f"iconv -f UTF-16 -t UTF-8 {name}"
        raise UsageError(f"{name} is UTF-16, and UTF-8 is read", f"{unpack} > utf8-{name.rpartition('/')[2]}")
