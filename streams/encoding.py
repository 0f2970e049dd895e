"""How state is written: msgpack in a versioned envelope. Data only: reading it never runs code, unlike pickle.

A blob is ``DB``, one flag byte, the version (2 bytes, little endian), the format's name (1 length byte, ASCII), body, and the
CRC-32 of all that (4 bytes, little endian). It stands at the end so that a release that knows no checksum still finds the
version where it looks for it, and refuses what is newer instead of calling it damaged.
Numpy arrays travel as msgpack extension 1, those that hold one value throughout as extension 3, and integers beyond 64 bit as
extension 2.
"""

from __future__ import annotations

import functools
import math
import struct
import sys
import zlib
from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
import numpy as np

MAGIC: Final = b"DB"
_HEAD: Final = struct.Struct("<2sBHB")
_PLAIN, _ZLIB = 0, 1
_SIZE: Final = struct.Struct("<I")
_CHECKSUM: Final = struct.Struct("<I")

_ARRAY, _BIG_INT, _FILLED = 1, 2, 3
#: What an array may hold; the index is its code on the wire, so only ever append.
_DTYPES: Final = tuple(
    np.dtype(name) for name in ("?", "<i1", "<i2", "<i4", "<i8", "<u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")
)
_CODES: Final = {dtype: code for code, dtype in enumerate(_DTYPES)}
_LITTLE_ENDIAN: Final = sys.byteorder == "little"
#: Of an array of fewer bytes all are written, and of one of more, so that a damaged shape cannot ask for all memory.
_SHORTEST_FILLED, _LONGEST_FILLED = 32, 2**24
_BOOL: Final = _DTYPES[0]

#: A compressed body may not claim more than this, so that a damaged length cannot ask for all memory.
MAX_INFLATED_BYTES: Final = 512 * 1024 * 1024

Migration = Callable[[Any], Any]
T = TypeVar("T")


class BadStateError(ValueError):
    """The bytes are not a state that this program can read; the message says why."""


class NewerFormatError(BadStateError):
    """The bytes were written by a newer driftbell; reading on would lose what it added."""

    def __init__(self, name: str, found: int, known: int) -> None:
        super().__init__(
            f"state {name!r} has format version {found}, but this driftbell reads up to version {known}: "
            f"run the newer release again, or start from an empty state"
        )
        self.found = found
        self.known = known


class Format:
    """One kind of state blob: its name, its current version and the way up from older versions.

    Args:
        name: ASCII, at most 255 characters.
        version: What ``encode`` writes; 1 to 65535.
        compress_above: Bodies of more bytes than this are compressed where that saves at least a tenth; None: never.
        checksum_since: The first version whose blobs end in a checksum; older ones are read without.
    """

    def __init__(self, name: str, version: int, *, compress_above: int | None = None, checksum_since: int = 1) -> None:
        self.name = name
        self.version = version
        self._checksum_since = checksum_since
        self._compress_above = compress_above
        self._name = name.encode("ascii")
        self._migrations: dict[int, Migration] = {}
        self._heads = {flag: _HEAD.pack(MAGIC, flag, version, len(self._name)) + self._name for flag in (_PLAIN, _ZLIB)}

    def migration(self, from_version: int) -> Callable[[Migration], Migration]:
        """Register the function that turns a value of ``from_version`` into one of the next version."""

        def register(function: Migration) -> Migration:
            if from_version in self._migrations:
                raise ValueError(f"two migrations from version {from_version} of {self.name!r}")
            self._migrations[from_version] = function
            return function

        return register

    def reads_as_is(self, version: int) -> None:
        """Read values of this version as they are: a higher one only has an earlier release refuse what is new."""
        self.migration(version)(lambda value: value)

    def encode(self, value: Any) -> bytes:
        """Write plain data: None, bool, int, float, str, bytes, lists, string-keyed dicts, numpy arrays and structs of them.

        Tuples come back as lists, numpy scalars as Python numbers, structs as dicts (or lists, if they are array-like).

        Raises:
            TypeError: for anything else, such as an array of objects.
        """
        body = pack(value)
        if self._compress_above is not None and len(body) > self._compress_above:
            # Level 1: the checkpoint is on the hot path, and counters shrink about as well as at level 6.
            packed = zlib.compress(body, 1)
            if len(packed) < 0.9 * len(body):
                return self._sealed(self._heads[_ZLIB] + _SIZE.pack(len(body)), packed)
        return self._sealed(self._heads[_PLAIN], body)

    def _sealed(self, head: bytes, body: bytes) -> bytes:
        if self.version < self._checksum_since:
            return head + body
        return b"".join((head, body, _CHECKSUM.pack(zlib.crc32(body, zlib.crc32(head)))))

    def decode(self, data: bytes) -> Any:
        """Read what ``encode`` wrote, now or in an older version.

        Raises:
            NewerFormatError: the blob is of a later version than ours.
            BadStateError: the bytes are damaged, of another format, or of a version without a way up.
        """
        version, body = self._open(data)
        try:
            value = unpack(body)
        except BadStateError as error:
            raise BadStateError(f"state {self.name!r} is damaged: {error}") from error
        return self._migrate(value, version)

    def _migrate(self, value: Any, version: int) -> Any:
        while version < self.version:
            step = self._migrations.get(version)
            if step is None and version + 1 == self._checksum_since:
                # Only the envelope changed.
                version += 1
                continue
            if step is None:
                raise BadStateError(f"state {self.name!r} has format version {version}, which can no longer be read")
            try:
                value = step(value)
            except (TypeError, ValueError, LookupError, AttributeError) as error:
                raise BadStateError(f"state {self.name!r} of version {version} is damaged: {error!r}") from error
            version += 1
        return value

    def _open(self, data: bytes) -> tuple[int, bytes | memoryview]:
        if len(data) < _HEAD.size or data[:2] != MAGIC:
            raise BadStateError(f"these bytes are no driftbell state (format {self.name!r} expected)")
        _, flag, version, length = _HEAD.unpack_from(data)
        start = _HEAD.size + length
        if data[_HEAD.size : start] != self._name:
            raise BadStateError(f"state of format {bytes(data[_HEAD.size : start])!r} where {self.name!r} was expected")
        end = len(data)
        if version >= self._checksum_since:
            # Before the version is believed: a damaged one must not be taken for a newer release's.
            end -= _CHECKSUM.size
            if end < start or _CHECKSUM.unpack_from(data, end)[0] != zlib.crc32(memoryview(data)[:end]):
                raise BadStateError(f"state {self.name!r} is damaged: its checksum is not that of its bytes")
        if version > self.version:
            raise NewerFormatError(self.name, version, self.version)
        if flag == _PLAIN:
            return version, memoryview(data)[start:end]
        if flag == _ZLIB:
            return version, self._inflate(memoryview(data)[start:end])
        raise BadStateError(f"state {self.name!r} has the unknown flag {flag}")

    def _inflate(self, data: memoryview) -> bytes:
        if len(data) < _SIZE.size:
            raise BadStateError(f"state {self.name!r} is cut short")
        (size,) = _SIZE.unpack_from(data)
        if size > MAX_INFLATED_BYTES:
            raise BadStateError(f"state {self.name!r} claims {size} bytes, more than the limit of {MAX_INFLATED_BYTES}")
        stream = zlib.decompressobj()
        try:
            body = stream.decompress(data[_SIZE.size :], size + 1)
        except zlib.error as error:
            raise BadStateError(f"state {self.name!r} is damaged: {error}") from error
        if len(body) != size or not stream.eof or stream.unused_data:
            raise BadStateError(f"state {self.name!r} is damaged: its length is not the one it states")
        return body


def pack(value: Any) -> bytes:
    """Write plain data without an envelope, for small records that carry their own version; raises TypeError."""
    try:
        return _ENCODER.encode(value)
    except OverflowError:
        return _ENCODER.encode(_wrap_big_ints(value))


def unpack(data: bytes | memoryview) -> Any:
    """Read what ``pack`` wrote; raises BadStateError."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError, ValueError, OverflowError, MemoryError) as error:
        raise BadStateError(str(error)) from error


def decoder(shape: type[T]) -> msgspec.msgpack.Decoder[T]:
    """A decoder of what ``pack`` wrote into one typed shape; it raises msgspec's errors and ``BadStateError``."""
    return msgspec.msgpack.Decoder(shape, ext_hook=_extension)


def _plain(value: Any) -> Any:
    if type(value) is np.ndarray:
        return _array_extension(value)
    if isinstance(value, np.generic):
        plain = value.item()
        if isinstance(plain, bool | int | float):
            return plain
    raise TypeError(f"{type(value).__name__} is not plain data")


def _array_extension(array: np.ndarray[Any, Any]) -> msgspec.msgpack.Ext:
    """The state of a model is a hundred small arrays, so what is done for each is what a checkpoint costs."""
    dtype = array.dtype
    code = _CODES.get(dtype)
    if code is None or not _LITTLE_ENDIAN:
        dtype = dtype.newbyteorder("<")
        code = _CODES.get(dtype)
        if code is None:
            raise TypeError(f"an array of {array.dtype} is not plain data")
        array = array.astype(dtype)
    data = array.tobytes()
    size = dtype.itemsize
    # A detector that has seen nothing yet, or nothing since its last alarm: most of them, most of the time.
    if _SHORTEST_FILLED <= len(data) <= _LONGEST_FILLED and data[:size] == data[-size:] and data[size:] == data[:-size]:
        return msgspec.msgpack.Ext(_FILLED, _array_head(code, array.shape) + data[:size])
    return msgspec.msgpack.Ext(_ARRAY, _array_head(code, array.shape) + data)


@functools.lru_cache(4096)
def _array_head(code: int, shape: tuple[int, ...]) -> bytes:
    return bytes((code, len(shape))) + struct.pack(f"<{len(shape)}I", *shape)


def _extension(code: int, data: memoryview) -> Any:
    if code == _ARRAY:
        return _array(data)
    if code == _FILLED:
        return _array(data, filled=True)
    if code == _BIG_INT:
        return int.from_bytes(data, "little", signed=True)
    raise BadStateError(f"unknown extension {code}")


def _array(data: memoryview, *, filled: bool = False) -> np.ndarray[Any, Any]:
    if len(data) < 2 or data[0] >= len(_DTYPES):
        raise BadStateError("an array of an unknown type")
    dtype, ndim = _DTYPES[data[0]], data[1]
    start = 2 + 4 * ndim
    if len(data) < start:
        raise BadStateError("an array without its shape")
    shape = struct.unpack_from(f"<{ndim}I", data, 2)
    expected = 1 if filled else math.prod(shape)
    if expected * dtype.itemsize != len(data) - start:
        raise BadStateError("an array whose shape does not fit its bytes")
    if filled and math.prod(shape) * dtype.itemsize > _LONGEST_FILLED:
        raise BadStateError("an array that claims too much memory")
    # A byte other than 0 and 1 in a bool array is undefined behaviour in numpy.
    values = (
        np.frombuffer(data, np.uint8, offset=start) != 0 if dtype == _BOOL else np.frombuffer(data, dtype, offset=start)
    )
    if filled:
        return np.full(shape, values[0], values.dtype)
    # The copy makes it writable and aligned.
    return values.reshape(shape).copy()


def _wrap_big_ints(value: Any) -> Any:
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 64:
        return msgspec.msgpack.Ext(_BIG_INT, value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True))
    if isinstance(value, dict):
        return {key: _wrap_big_ints(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_wrap_big_ints(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return _wrap_big_ints_of(value)
    return value


def _wrap_big_ints_of(struct: msgspec.Struct) -> Any:
    fields = {name: _wrap_big_ints(value) for name, value in msgspec.structs.asdict(struct).items()}
    config = struct.__struct_config__
    if config.array_like:
        return list(fields.values())
    return {config.tag_field: config.tag, **fields} if config.tag_field else fields


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_plain)
_DECODER: Final = msgspec.msgpack.Decoder(ext_hook=_extension)

#: The default format, for state that has no format of its own.
STATE: Final = Format("state", 2, checksum_since=2)


def encode(value: Any) -> bytes:
    """Write plain data in the default format; see ``Format.encode``."""
    return STATE.encode(value)


def decode(data: bytes) -> Any:
    """Read what ``encode`` wrote; see ``Format.decode``."""
    return STATE.decode(data)
