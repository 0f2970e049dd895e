"""What every store of the router promises."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driftbell.alerting.errors import FencedError, LostWritesError
from driftbell.alerting.state.store import Changes, Table
from tests.alerting.conftest import NewStore, SharedState

EMPTY: dict[Table, dict[str, bytes]] = {table: {} for table in Table}


async def test_a_new_store_is_empty(new_store: NewStore) -> None:
    assert await new_store().claim(1) == EMPTY


async def test_what_was_saved_is_loaded_by_the_next_owner(new_store: NewStore) -> None:
    first = new_store()
    await first.claim(1)
    await first.save({Table.GROUPS: {"g": b"\x00\xff\r\n"}, Table.OFFSETS: {"0": b"7", "11": b"123"}})
    await first.save({Table.QUEUES: {"l": b"1"}, Table.OFFSETS: {"0": b"8"}})

    assert await new_store().claim(2) == EMPTY | {
        Table.GROUPS: {"g": b"\x00\xff\r\n"},
        Table.QUEUES: {"l": b"1"},
        Table.OFFSETS: {"0": b"8", "11": b"123"},
    }


async def test_none_deletes_and_deleting_what_is_not_there_is_no_error(new_store: NewStore) -> None:
    store = new_store()
    await store.claim(1)
    await store.save({Table.ENTRIES: {"a": b"1", "b": b"2"}})
    await store.save({Table.ENTRIES: {"a": None, "c": None}, Table.DEAD: {"d": None}})

    assert (await store.claim(1))[Table.ENTRIES] == {"b": b"2"}


async def test_an_older_owner_cannot_save_and_changes_nothing(new_store: NewStore) -> None:
    old, new = new_store(), new_store()
    await old.claim(1)
    await new.claim(2)
    with pytest.raises(FencedError):
        await old.save({Table.GROUPS: {"g": b"old"}, Table.OFFSETS: {"0": b"9"}})
    with pytest.raises(FencedError):
        await old.save({})

    assert await new.claim(2) == EMPTY
    await new.save({Table.GROUPS: {"g": b"new"}})


async def test_an_older_owner_cannot_claim_again(new_store: NewStore) -> None:
    old, new = new_store(), new_store()
    await old.claim(1)
    await new.claim(5)
    with pytest.raises(FencedError, match="generation 5"):
        await old.claim(4)

    await new.save({Table.GROUPS: {"g": b"x"}})


async def test_a_store_that_never_claimed_cannot_save(new_store: NewStore) -> None:
    await new_store().claim(3)
    with pytest.raises(FencedError):
        await new_store().save({Table.GROUPS: {"g": b"x"}})


async def test_the_same_generation_may_claim_again(new_store: NewStore) -> None:
    store = new_store()
    await store.claim(3)
    await store.save({Table.GROUPS: {"g": b"x"}})

    assert (await store.claim(3))[Table.GROUPS] == {"g": b"x"}


async def test_saving_the_same_changes_twice_is_the_same_as_once(new_store: NewStore) -> None:
    store = new_store()
    await store.claim(1)
    changes: Changes = {Table.GROUPS: {"g": b"x", "h": None}, Table.OFFSETS: {"0": b"4"}}
    await store.save(changes)
    once = await store.claim(1)
    await store.save(changes)

    assert await store.claim(1) == once


async def test_a_storm_is_one_save(new_store: NewStore) -> None:
    store = new_store()
    await store.claim(1)
    many = {f"fingerprint-{number}": b"x" * 200 for number in range(12_345)}
    await store.save({Table.ENTRIES: many, Table.QUEUES: many})
    assert (await store.claim(1))[Table.ENTRIES] == many

    await store.save({Table.ENTRIES: dict.fromkeys(many)})
    loaded = await store.claim(1)
    assert loaded[Table.ENTRIES] == {}
    assert loaded[Table.QUEUES] == many


@pytest.mark.parametrize("of", ["before the last write", "before the claim", "nothing"])
async def test_a_store_that_went_back_says_so_and_is_made_whole(shared_state: SharedState, of: str) -> None:
    nothing = shared_state.remember()
    await shared_state.new_store().claim(1)
    before_the_claim = shared_state.remember()
    store = shared_state.new_store()
    await store.claim(2)
    await store.save({Table.GROUPS: {"g": b"1", "gone": b"1"}})
    before_the_last_write = shared_state.remember()
    await store.save({Table.GROUPS: {"gone": None}, Table.OFFSETS: {"0": b"1"}})
    {"before the last write": before_the_last_write, "before the claim": before_the_claim, "nothing": nothing}[of]()
    with pytest.raises(LostWritesError):
        await store.save({Table.OFFSETS: {"0": b"2"}})
    await store.restate({Table.GROUPS: {"g": b"1"}, Table.OFFSETS: {"0": b"2"}})
    await store.save({Table.OFFSETS: {"1": b"7"}})

    whole = EMPTY | {Table.GROUPS: {"g": b"1"}, Table.OFFSETS: {"0": b"2", "1": b"7"}}
    assert await shared_state.new_store().claim(2) == whole


async def test_who_was_relieved_makes_nothing_whole(shared_state: SharedState) -> None:
    old, new = shared_state.new_store(), shared_state.new_store()
    await old.claim(1)
    await new.claim(2)
    back = shared_state.remember()
    await new.save({Table.GROUPS: {"g": b"1"}})
    back()
    with pytest.raises(FencedError):
        await old.restate({Table.GROUPS: {"old": b"1"}})
    with pytest.raises(LostWritesError):
        await new.save({})

    await new.restate({Table.GROUPS: {"g": b"1"}})
    assert (await new.claim(2))[Table.GROUPS] == {"g": b"1"}


keys = st.text(min_size=1, max_size=5)
contents = st.dictionaries(keys, st.none() | st.binary(max_size=8), max_size=4)


@pytest.mark.slow
@given(history=st.lists(st.dictionaries(st.sampled_from(list(Table)), contents), max_size=6))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_any_history_of_saves_is_what_a_dictionary_would_hold(
    new_store: NewStore, history: list[Changes]
) -> None:
    store = new_store()
    tables = await store.claim(1)
    await store.save({table: dict.fromkeys(content) for table, content in tables.items()})
    model: dict[Table, dict[str, bytes]] = {table: {} for table in Table}
    for changes in history:
        await store.save(changes)
        for table, content in changes.items():
            for key, value in content.items():
                model[table].pop(key, None)
                if value is not None:
                    model[table][key] = value

    assert await store.claim(1) == model
