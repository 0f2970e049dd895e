from __future__ import annotations

import contextlib
import math
import struct
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from driftbell.streams.encoding import MAGIC, BadStateError, Format, NewerFormatError, decode, encode

DTYPES = st.sampled_from(["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f8", ">i4"])
ARRAYS = DTYPES.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary())
PLAIN = st.recursive(
    SCALARS | ARRAYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


#: As blobs were before they had a checksum: what stands in them is read before anything says that it is damaged.
UNSEALED = Format("state", 1, checksum_since=2)
HEAD = UNSEALED.encode(None)[:-1]


def same(left: Any, right: Any) -> bool:
    """Equal to the bit, types included."""
    if isinstance(left, np.ndarray):
        native = left.astype(left.dtype.newbyteorder("<"))
        return bool(
            isinstance(right, np.ndarray)
            and native.dtype == right.dtype
            and left.shape == right.shape
            and native.tobytes() == right.tobytes()
        )
    if type(left) is not type(right):
        return False
    if isinstance(left, float):
        return struct.pack("<d", left) == struct.pack("<d", right)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    return bool(left == right)


@given(PLAIN)
def test_plain_data_comes_back_to_the_bit(value: Any) -> None:
    assert same(value, decode(encode(value)))


@pytest.mark.slow
@given(PLAIN)
def test_encoding_is_a_function_of_the_value(value: Any) -> None:
    assert encode(value) == encode(decode(encode(value)))


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1, 2**200, -(2**200), 2**64 - 1, -(2**63)])
def test_integers_of_any_size_survive(value: int) -> None:
    assert decode(encode({"n": [value]})) == {"n": [value]}


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, -0.0, 5e-324])
def test_special_floats_survive(value: float) -> None:
    assert same(value, decode(encode(value)))


def test_restored_arrays_are_writable() -> None:
    array = decode(encode(np.zeros(3)))
    array += 1
    assert array.tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "array",
    [
        pytest.param(np.full((9, 14), -1e6, np.float32), id="floats"),
        pytest.param(np.full(64, -0.0), id="negative zero"),
        pytest.param(np.full((8, 8), np.nan), id="not a number"),
        pytest.param(np.ones((7, 9), np.bool_), id="truths"),
        pytest.param(np.zeros((3, 84), np.int64).T, id="strided"),
    ],
)
def test_an_array_of_one_value_takes_no_more_than_that(array: np.ndarray[Any, Any]) -> None:
    blob = encode(array)
    found = decode(blob)

    assert len(blob) < len(encode(None)) + 24
    assert same(array, found)
    found[0] = 0
    assert not found[0].any()


def test_zeros_of_both_signs_are_two_values() -> None:
    array = np.zeros(64)
    array[7] = -0.0
    assert same(array, decode(encode(array)))


def test_a_damaged_shape_cannot_ask_for_all_memory() -> None:
    blob = UNSEALED.encode(np.zeros(64))
    with pytest.raises(BadStateError, match="too much memory"):
        UNSEALED.decode(blob.replace(struct.pack("<I", 64), struct.pack("<I", 2**31)))


def test_a_strided_array_is_written_by_value() -> None:
    array = np.arange(12.0).reshape(3, 4)[:, ::2].T
    assert np.array_equal(decode(encode(array)), array)


def test_numpy_scalars_come_back_as_numbers() -> None:
    assert decode(encode([np.float64(0.1), np.int64(3), np.bool_(True)])) == [0.1, 3, True]


@pytest.mark.parametrize("value", [object(), np.array([object()]), np.array(["a"]), np.complex128(1j)])
def test_what_is_not_plain_is_refused(value: Any) -> None:
    with pytest.raises(TypeError, match="not plain data"):
        encode(value)


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_bad_state_only(data: bytes) -> None:
    for prefix in (b"", HEAD, encode(None)[:-1]):
        try:
            decode(prefix + data)
        except BadStateError:
            continue


@given(PLAIN, st.data())
def test_damaged_blobs_without_a_checksum_raise_bad_state_only(value: Any, data: st.DataObject) -> None:
    blob = bytearray(UNSEALED.encode(value))
    at = data.draw(st.integers(0, len(blob) - 1))
    blob[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadStateError):
        decode(bytes(blob[: data.draw(st.integers(0, len(blob)))]))


@pytest.mark.slow
@given(PLAIN, st.booleans(), st.data())
def test_no_damage_to_a_byte_loads_or_is_taken_for_a_newer_release(
    value: Any, zipped: bool, data: st.DataObject
) -> None:
    thing = Format("thing", 3, compress_above=0 if zipped else None, checksum_since=2)

    @thing.migration(1)
    def lift(older: Any) -> Any:
        return older

    whole = thing.encode([value, bytes(200)])
    blob = bytearray(whole)
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    for damaged in (blob, whole[: data.draw(st.integers(0, len(whole) - 1))], whole + b"\x00"):
        with pytest.raises(BadStateError) as caught:
            thing.decode(bytes(damaged))
        assert type(caught.value) is BadStateError


def test_a_blob_of_before_checksums_is_read_without_a_migration() -> None:
    assert Format("thing", 2, checksum_since=2).decode(Format("thing", 1, checksum_since=2).encode([1])) == [1]


def test_a_release_that_knows_no_checksum_refuses_one_by_the_version() -> None:
    before = Format("thing", 1, compress_above=0, checksum_since=9)
    for after in (Format("thing", 2), Format("thing", 2, compress_above=0)):
        with pytest.raises(NewerFormatError, match="run the newer release again"):
            before.decode(after.encode(bytes(100)))


def test_deep_nesting_is_refused_not_a_crash() -> None:
    with pytest.raises(BadStateError):
        decode(HEAD + b"\x91" * 200_000 + b"\x01")


@pytest.mark.parametrize(
    "body",
    [
        b"\x0b\x01\xff\xff\xff\xff",  # four billion numbers, none there
        b"\x0b\x03\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x7f\x00",
        b"\x0b\xff",
        b"",
    ],
)
def test_an_array_that_lies_about_itself_is_refused(body: bytes) -> None:
    blob = HEAD + msgspec.msgpack.encode(msgspec.msgpack.Ext(1, body))
    try:
        value = decode(blob)
    except BadStateError:
        return
    assert value.size == 0


def test_a_newer_version_is_refused_and_names_both() -> None:
    blob = Format("thing", 7).encode(1)
    with pytest.raises(NewerFormatError, match=r"version 7.*up to version 2") as caught:
        Format("thing", 2).decode(blob)
    assert (caught.value.found, caught.value.known) == (7, 2)


def test_an_older_version_is_lifted_step_by_step() -> None:
    current = Format("thing", 3)

    @current.migration(1)
    def name_the_count(value: Any) -> Any:
        return {"count": value}

    @current.migration(2)
    def add_the_mean(value: Any) -> Any:
        return {**value, "mean": 0.0}

    assert current.decode(Format("thing", 1).encode(5)) == {"count": 5, "mean": 0.0}
    assert current.decode(Format("thing", 2).encode({"count": 4})) == {"count": 4, "mean": 0.0}
    assert current.decode(current.encode("now")) == "now"
    with pytest.raises(ValueError, match="two migrations"):
        current.migration(1)(name_the_count)


def test_a_version_that_was_raised_for_what_is_new_needs_no_migration() -> None:
    before, current = Format("thing", 1), Format("thing", 2)
    current.reads_as_is(1)

    assert current.decode(before.encode({"count": 3})) == {"count": 3}
    with pytest.raises(NewerFormatError):
        before.decode(current.encode({"count": 3}))


def test_a_migration_that_meets_damage_says_bad_state() -> None:
    current = Format("thing", 2)

    @current.migration(1)
    def rename(value: Any) -> Any:
        return {"new": value["old"]}

    with pytest.raises(BadStateError, match="damaged"):
        current.decode(Format("thing", 1).encode({}))


def test_a_version_without_a_way_up_is_refused() -> None:
    with pytest.raises(BadStateError, match="version 1, which can no longer be read"):
        Format("thing", 2).decode(Format("thing", 1).encode(1))


def test_another_format_is_refused_by_name() -> None:
    with pytest.raises(BadStateError, match=r"b'mouse' where 'cat'"):
        Format("cat", 1).decode(Format("mouse", 1).encode(1))


def test_a_large_blob_is_compressed_only_where_it_pays() -> None:
    small = Format("thing", 1, compress_above=100)
    zeros, noise = bytes(10_000), np.random.default_rng(1).bytes(10_000)
    assert len(small.encode(zeros)) < 200
    assert len(small.encode(noise)) > 10_000
    assert small.decode(small.encode(zeros)) == zeros
    assert small.decode(small.encode(noise)) == noise
    assert Format("thing", 1).decode(small.encode(zeros)) == zeros


def test_a_compressed_blob_cannot_ask_for_all_memory() -> None:
    zipped = Format("thing", 1, compress_above=0, checksum_since=2)
    blob = bytearray(zipped.encode(bytes(1000)))
    start = len(MAGIC) + 4 + len("thing")
    for size in (2**32 - 1, 10, 2000):
        blob[start : start + 4] = struct.pack("<I", size)
        with pytest.raises(BadStateError):
            zipped.decode(bytes(blob))
    with pytest.raises(BadStateError):
        zipped.decode(bytes(blob[: start + 2]))
