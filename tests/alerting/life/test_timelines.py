"""What happened to a group is kept, bounded, and forgotten when it is long over."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from driftbell.alerting.life.timelines import (
    KEPT_MS,
    MAX_FINGERPRINTS,
    MAX_HAPPENINGS,
    forget_timelines,
    is_news,
    note,
    of_alert,
)
from driftbell.alerting.state.records import Group
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.state.timelines.timeline import Happening


def group(name: str = "g", *members: str) -> Group:
    return Group(id=name, route_id="r", key="{}:{}", labels={}, created_ms=0, next_flush_ms=0, members=set(members))


def noted(*happenings: Happening, state: State | None = None, of: Group | None = None) -> State:
    state = state or State()
    draft = Draft(state)
    for happening in happenings:
        note(draft, of or group(), happening)
    state.apply(draft)
    return state


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xy")), max_size=200))
def test_all_that_happened_is_there_or_counted(given_: list[tuple[str, str]]) -> None:
    state = noted(*(Happening(at_ms=at, what=what, destination=to) for at, (what, to) in enumerate(given_)))

    if not given_:
        return
    kept = state.timelines["g"]
    assert len(kept.happenings) <= MAX_HAPPENINGS
    assert sum(one.times for one in kept.happenings) <= len(given_)
    if not kept.dropped:
        assert sum(one.times for one in kept.happenings) == len(given_)
    assert kept.last_ms == len(given_) - 1


def test_the_same_answer_again_is_counted_and_not_repeated() -> None:
    state = noted(*(Happening(at_ms=at, what="server_error", detail="503") for at in range(1000)))

    [only] = state.timelines["g"].happenings
    assert (only.times, only.at_ms) == (1000, 999)


def test_of_very_many_alerts_the_first_are_found() -> None:
    state = noted(Happening(at_ms=1, what="x"), of=group("g", *(f"{number:05}" for number in range(10_000))))

    assert len(state.timelines["g"].fingerprints) == MAX_FINGERPRINTS
    assert of_alert(state.timelines.values(), "00007") == [state.timelines["g"]]
    assert of_alert(state.timelines.values(), "g") == [state.timelines["g"]]


def test_what_holds_back_is_news_once() -> None:
    state = State()
    draft = Draft(state)
    assert not is_news(draft, "g", "")
    assert is_news(draft, "g", "silenced by 1")
    note(draft, group(), Happening(at_ms=1, what="held_back"), held_back="silenced by 1")
    assert not is_news(draft, "g", "silenced by 1")
    assert is_news(draft, "g", "")


def test_what_is_long_over_is_forgotten_and_what_fires_is_not() -> None:
    state = noted(Happening(at_ms=1, what="x"))
    noted(Happening(at_ms=KEPT_MS, what="x"), state=state, of=group("late"))
    fires = Draft(state)
    note(fires, group("fires"), Happening(at_ms=1, what="x"))
    fires.groups["fires"] = group("fires")
    state.apply(fires)

    draft = Draft(state)
    forget_timelines(draft, KEPT_MS + 2)
    state.apply(draft)

    assert set(state.timelines) == {"late", "fires"}
