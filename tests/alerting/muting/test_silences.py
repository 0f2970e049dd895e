"""Silences: the edit rules and what is silenced, against the real Alertmanager; and what a router does with them."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from random import Random
from typing import Any

import msgspec
import pytest

from driftbell.alerting.commands.obeying import obey
from driftbell.alerting.incidents.configured import muters_of
from driftbell.alerting.muting import silence_rules, silenced
from driftbell.alerting.muting.muter import MuteContext, MuteKind
from driftbell.alerting.muting.silence_list import as_api, in_order, selected
from driftbell.alerting.muting.silence_rules import (
    ANSWERS_MS,
    RETENTION_MS,
    SilenceReason,
    SilenceState,
    matcher_of,
    state_of,
    stored_matcher,
)
from driftbell.alerting.muting.silenced import Silencer
from driftbell.alerting.state.firing import FiringAlerts
from driftbell.alerting.state.memory import MemoryStore, MemoryTables
from driftbell.alerting.state.records import Group
from driftbell.alerting.state.silence import Answer, Command, ExpireSilence, PutSilence, Silence, SilenceMatcher
from driftbell.alerting.state.state import Draft, State
from driftbell.alerting.times import to_ms
from driftbell.runtime.config.router import RouterConfig
from driftbell.runtime.matching.matchers import Matcher, parse_matcher, parse_matchers
from driftbell.schemas import Alert, fingerprint
from tests.alerting.alerts import START_MS, make_alert
from tests.alerting.rig import Rig, VendorChannel, VirtualClock
from tests.services.alertmanager import Alertmanager

HOUR = 3_600_000
GROUP = Group(id="g", route_id="", key="", labels={}, created_ms=0, next_flush_ms=0)
ids = (f"c{number}" for number in itertools.count())


def matchers(*texts: str) -> tuple[SilenceMatcher, ...]:
    return tuple(stored_matcher(parse_matcher(text)) for text in texts)


def put(*texts: str, ends_ms: int, **fields: Any) -> PutSilence:
    return PutSilence(matchers=matchers(*texts), ends_ms=ends_ms, **fields)


class Book:
    """The rules alone: one command after another."""

    def __init__(self) -> None:
        self.state = State()

    def do(self, action: PutSilence | ExpireSilence, now_ms: int, command_id: str = "") -> Answer:
        draft = Draft(self.state)
        answer = obey(draft, Command(id=command_id or next(ids), action=action), now_ms)
        self.state.apply(draft)
        return answer

    def states(self, now_ms: int) -> dict[str, str]:
        return {one.id: state_of(one, now_ms).value for one in self.state.silences}


def test_a_silence_is_pending_then_active_then_expired() -> None:
    one = Silence(id="s", matchers=matchers("a=b"), starts_ms=100, ends_ms=200, updated_ms=0)

    states = [state_of(one, at).value for at in (99, 100, 200, 201)]
    assert states == ["pending", "active", "active", "expired"]


def test_what_a_change_may_be_without_a_new_id() -> None:
    book = Book()
    sid = book.do(put("a=b", ends_ms=HOUR), 1_000).silence_id
    longer = book.do(put("a=b", ends_ms=2 * HOUR, silence_id=sid), 5_000)
    shorter = book.do(put("a=b", ends_ms=HOUR // 2, silence_id=sid, comment="why"), 6_000)
    other_matchers = book.do(put("a=c", ends_ms=HOUR, silence_id=sid), 7_000)

    assert [longer.reason, shorter.reason] == ["changed", "changed"]
    assert longer.silence_id == shorter.silence_id == sid
    assert other_matchers.reason == "replaced"
    assert book.states(7_001) == {sid: "expired", other_matchers.silence_id: "active"}


def test_the_start_of_what_is_active_stays_and_of_what_is_pending_may_move() -> None:
    book = Book()
    active = book.do(put("a=b", ends_ms=HOUR), 10_000).silence_id
    pending = book.do(put("a=b", starts_ms=HOUR, ends_ms=2 * HOUR), 10_000).silence_id

    assert book.do(put("a=b", starts_ms=10_900, ends_ms=HOUR, silence_id=active), 20_000).reason == "changed"
    moved = book.do(put("a=b", starts_ms=30_000, ends_ms=HOUR, silence_id=pending), 20_000)
    assert (moved.reason, moved.silence_id) == ("changed", pending)
    assert book.do(put("a=b", starts_ms=15_000, ends_ms=HOUR, silence_id=active), 20_000).reason == "replaced"
    again = book.do(put("a=b", ends_ms=HOUR, silence_id=active, starts_ms=20_000), 30_000)
    assert again.reason == "replaced"  # what is over is never changed
    assert book.states(40_000)[active] == "expired"


def test_a_change_that_is_refused_changes_nothing() -> None:
    book = Book()
    sid = book.do(put("a=b", ends_ms=HOUR), 1_000).silence_id
    before = list(book.state.silences)

    assert book.do(put("a=~.*", ends_ms=HOUR, silence_id=sid), 2_000).reason == SilenceReason.INVALID
    assert book.do(put("a=b", ends_ms=HOUR, silence_id="unknown"), 2_000).reason == SilenceReason.NOT_FOUND
    assert book.do(ExpireSilence(silence_id="unknown"), 2_000).reason == SilenceReason.NOT_FOUND
    assert list(book.state.silences) == before


def test_a_command_is_done_once_however_often_it_is_handed_in() -> None:
    book = Book()
    first = book.do(put("a=b", ends_ms=HOUR), 1_000, "same")
    book.do(ExpireSilence(silence_id=first.silence_id), 2_000)

    assert book.do(put("a=b", ends_ms=HOUR), 3_000, "same") == first
    assert book.states(4_000) == {"same": "expired"}


@pytest.mark.parametrize(
    ("action", "error"),
    [
        (put("a=b", ends_ms=START_MS - 1), "start time must be before end time"),
        (put("a=b", starts_ms=START_MS - 2 * HOUR, ends_ms=START_MS - HOUR), "end time can't be in the past"),
        (put("a=b", starts_ms=START_MS + HOUR, ends_ms=START_MS + HOUR), "start time must be before end time"),
        (put(ends_ms=START_MS + HOUR), "at least one matcher required"),
        (put("a=~.*", 'b=""', ends_ms=START_MS + HOUR), "at least one matcher must not match the empty string"),
        (put("a=b", ends_ms=10**15), "between 1970 and 9999"),
        (PutSilence(matchers=(SilenceMatcher(name="a-b", value="c"),), ends_ms=START_MS + 1), "invalid label name"),
        (PutSilence(matchers=(SilenceMatcher(name="a", value="(", is_regex=True),), ends_ms=START_MS + 1), "("),
        (PutSilence(matchers=matchers("a=b") * 101, ends_ms=START_MS + 1), "at most 100 matchers"),
        (put("a=b", ends_ms=START_MS + 1, comment="x" * 10_001), "10,000 characters"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(action: PutSilence, error: str) -> None:
    answer = Book().do(action, START_MS)

    assert answer.reason == SilenceReason.INVALID
    assert error in answer.error


def test_what_is_over_is_kept_for_five_days_and_lists_are_in_alertmanagers_order() -> None:
    silences = [
        Silence(id=name, matchers=matchers("a=b"), starts_ms=starts, ends_ms=ends, updated_ms=0, created_by=name[0])
        for name, starts, ends in [
            *[("e1", 0, 10), ("e2", 0, 20), ("p1", 500, 900), ("p2", 400, 900), ("a1", 50, 300), ("a2", 60, 200)],
        ]
    ]

    assert [one.id for one in in_order(silences, 100)] == ["a2", "a1", "p2", "p1", "e2", "e1"]
    assert [one.id for one in selected(silences, 100)] == ["a2", "a1", "p2", "p1"]
    assert [one.id for one in selected(silences, 100, expired=True, within_ms=85)] == ["e2"]
    assert [one.id for one in selected(silences, 100, created_by="p")] == ["p2", "p1"]
    assert [one.id for one in selected(silences, 100, matchers=parse_matchers('a=~"b.*"'), within_ms=150)] == ["a2"]
    assert selected(silences, 100, matchers=parse_matchers("c=~.*")) == []


ROUTE = {"group_by": ["model"], "group_wait": 1.0, "group_interval": 60.0, "repeat_interval": 120.0}


async def silenced_rig(store: MemoryStore | None = None, **more: Any) -> Rig:
    return await Rig(ROUTE, muters=muters_of(RouterConfig()), store=store, **more).start()


async def do(rig: Rig, action: PutSilence | ExpireSilence, command_id: str = "") -> Answer:
    command = Command(id=command_id or next(ids), action=action)
    return await rig.router.change(lambda draft, now_ms: obey(draft, command, now_ms))


def at(seconds: float) -> int:
    return START_MS + round(seconds * 1000)


async def test_what_is_silenced_is_paged_when_the_silence_ends() -> None:
    one = await silenced_rig()
    answer = await do(one, put("model=fraud", ends_ms=at(90)))
    await one.fire("fraud")
    await one.fire("churn")
    await one.until(300)
    held = {mute.ids(MuteKind.SILENCED) for _, decision in one.decisions for mute in decision.muted.values()}

    assert [(arrival.at, arrival.firing) for arrival in one.vendor.arrivals][:2] == [
        (1.0, ["churn"]),
        (90.001, ["fraud"]),
    ]
    assert held == {(answer.silence_id,)}


async def test_what_is_silenced_is_paged_at_once_when_the_silence_is_expired_or_cut_short() -> None:
    one = await silenced_rig()
    first = await do(one, put("model=fraud", ends_ms=at(3600)))
    await one.fire("fraud")
    await one.until(70)
    await do(one, put("model=fraud", ends_ms=at(100), silence_id=first.silence_id))
    await one.until(80)
    assert one.vendor.arrivals == []
    await do(one, ExpireSilence(silence_id=first.silence_id))
    await one.until(85)

    assert [(arrival.at, arrival.firing) for arrival in one.vendor.arrivals] == [(80.001, ["fraud"])]


async def test_an_expired_silence_does_not_cut_group_wait_short() -> None:
    one = await Rig({**ROUTE, "group_wait": 30.0}, muters=muters_of(RouterConfig())).start()
    silence = await do(one, put("model=fraud", ends_ms=at(3600)))
    await one.fire("fraud")
    await one.until(5)
    await do(one, ExpireSilence(silence_id=silence.silence_id))
    await one.until(60)

    assert one.vendor.story == [(30.0, "trigger")]


async def test_what_is_open_when_a_silence_begins_stays_open_without_repeats_and_is_closed() -> None:
    one = await silenced_rig()
    await one.fire()
    await one.until(10)
    await do(one, put("model=fraud", ends_ms=at(3600)))
    await one.until(1000)
    assert one.vendor.story == [(1.0, "trigger")]
    await one.resolve()
    await one.until(1100)

    assert [kind for _, kind in one.vendor.story] == ["trigger", "resolve"]
    assert one.vendor.open == {}


async def test_what_fires_and_is_over_inside_a_silence_pages_nobody() -> None:
    one = await silenced_rig()
    await do(one, put("model=fraud", ends_ms=at(600)))
    await one.fire()
    await one.until(100)
    await one.resolve()
    await one.until(1000)

    assert one.vendor.story == []


def test_a_change_of_one_silence_compiles_no_other_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    book, silencer = Book(), Silencer()
    compiled: list[str] = []

    def counted(stored: SilenceMatcher) -> Matcher:
        compiled.append(stored.value)
        return matcher_of(stored)

    def mute() -> list[str]:
        compiled.clear()
        silencer.mute(make_alert(), MuteContext(None, GROUP, FiringAlerts(), START_MS, book.state.silences))
        return list(compiled)

    monkeypatch.setattr(silenced, "matcher_of", counted)
    for value in ("a+", "b+", "c+"):
        book.do(put(f"model=~{value}", ends_ms=START_MS + HOUR), START_MS, value)
    assert mute() == ["a+", "b+", "c+"]
    book.do(put("model=~d+", ends_ms=START_MS + HOUR), START_MS, "d+")
    assert mute() == ["d+"]
    book.do(put("model=~a+", ends_ms=START_MS + 2 * HOUR, silence_id="a+"), START_MS)
    book.do(ExpireSilence(silence_id="b+"), START_MS)
    assert mute() == []
    book.do(ExpireSilence(silence_id="c+"), START_MS - 1)
    assert mute() == [] and set(silencer._compiled) == {"a+", "b+", "d+"}, "what is over is compiled no more"


@pytest.mark.parametrize("count", [1, 2, 16, 100])
def test_the_regular_expressions_of_a_silence_share_their_memory(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    def counted(stored: SilenceMatcher, most_bytes: int | None = None) -> Matcher:
        asked.append(most_bytes)
        return matcher_of(stored, most_bytes)

    monkeypatch.setattr(silence_rules, "matcher_of", counted)
    texts = [rf"n{number}=~[a-c]{number}" for number in range(count)]
    assert Book().do(put(*texts, ends_ms=START_MS), START_MS - 1).reason == SilenceReason.ADDED
    assert asked == [max(1 << 16, (1 << 20) // count)] * count


def test_a_silence_whose_regular_expression_takes_much_memory_is_refused() -> None:
    heavy = (SilenceMatcher(name="a", value=r"\pL{200}0", is_regex=True),)
    answer = Book().do(PutSilence(matchers=heavy, ends_ms=START_MS), START_MS - 1)
    assert answer.reason == SilenceReason.INVALID and "pattern too large" in answer.error


def test_a_stored_silence_that_cannot_be_read_mutes_nothing_and_stops_nothing() -> None:
    bad = Silence(
        id="s", matchers=(SilenceMatcher(name="a", value="(", is_regex=True),), starts_ms=0, ends_ms=9**15, updated_ms=0
    )
    context = MuteContext(None, GROUP, FiringAlerts(), START_MS, State(silences=[bad]).silences)

    assert Silencer().mute(make_alert(), context).muting is None


async def test_silences_and_answers_outlive_a_restart() -> None:
    shared, clock = MemoryTables(), VirtualClock()
    one = await silenced_rig(MemoryStore(shared), clock=clock)
    answer = await do(one, put("model=fraud", ends_ms=at(3600), comment="known"), "same")
    await one.fire()
    await one.until(100)
    two = await Rig(
        ROUTE, muters=muters_of(RouterConfig()), store=MemoryStore(shared), clock=clock, topic=one.topic
    ).start(2)
    again = await do(two, put("model=fraud", ends_ms=at(3600), comment="known"), "same")
    await two.until(3000)

    assert again == answer
    assert [one.comment for one in two.router.state.silences] == ["known"]
    assert two.vendor.story == []
    await two.until(3700)
    assert two.vendor.story == [(3600.001, "trigger")]


async def test_what_is_long_over_is_forgotten_by_router_and_store() -> None:
    shared = MemoryTables()
    one = await silenced_rig(MemoryStore(shared))
    await do(one, put("model=fraud", ends_ms=at(60)))
    one.clock.now_ms = at(60) + RETENTION_MS - 1
    await one.router.heartbeat()
    assert len(one.router.state.silences) == 1
    one.clock.now_ms += max(1, ANSWERS_MS - RETENTION_MS)
    await one.router.heartbeat()

    assert len(one.router.state.silences) == 0
    assert one.router.state.answers == {}
    assert not shared.tables["silences"] and not shared.tables["answers"]  # type: ignore[index]


@pytest.mark.parametrize("seed", range(40))
async def test_no_page_is_lost_to_a_silence_and_all_that_was_opened_is_closed(seed: int) -> None:
    """Random silences over random alerts: at the end all silences are over, what fires is open, and nothing else is."""
    random = Random(seed)
    one = await silenced_rig()
    fires: dict[str, int] = {}
    episodes = dict.fromkeys("abcd", 0)
    known: list[str] = []
    for step in range(60):
        await one.until(step * random.choice([5, 20, 60]) if step == 0 else one.now + random.choice([1, 7, 40]))
        model = random.choice("abcd")
        match random.randint(0, 4):
            case 0 | 1 if model not in fires:
                episodes[model] += 1
                fires[model] = episodes[model]
                await one.fire(model, episode=episodes[model])
            case 2 if model in fires:
                await one.resolve(model, episode=fires.pop(model))
            case 3:
                ends_ms = one.clock() + random.choice([1_000, 30_000, 400_000])
                starts_ms = random.choice([None, one.clock() + 500])
                texts = [f"model=~{model}|{random.choice('abcd')}"]
                sid = random.choice(["", *known[-2:]])
                answer = await do(one, put(*texts, starts_ms=starts_ms, ends_ms=ends_ms, silence_id=sid))
                known.append(answer.silence_id or sid)
            case 4 if known:
                await do(one, ExpireSilence(silence_id=random.choice(known)))
    await one.until(one.now + 1_000)

    open_now = sorted(arrival.firing[0] for arrival in last_of_each(one.vendor) if arrival.firing)
    assert open_now == sorted(fires)
    assert len(one.vendor.open) == len(fires)
    assert one.vendor.opened - one.vendor.closed == len(fires)
    assert one.vendor.stray == 0
    for model in list(fires):
        await one.resolve(model, episode=fires.pop(model))
    await one.until(one.now + 200)
    assert one.vendor.open == {}


def last_of_each(vendor: VendorChannel) -> list[Any]:
    return list({arrival.delivery.key: arrival for arrival in vendor.arrivals}.values())


# Against the real one.

PATTERNS = ["1", "1.*", ".*2", "1|2", "", ".+", ".*", "(", "x|"]


def random_matcher(random: Random) -> SilenceMatcher:
    is_regex = random.random() < 0.5
    return SilenceMatcher(
        name=random.choice(["a", "b", "c", "c", "a-b" if random.random() < 0.05 else "a"]),
        value=random.choice(PATTERNS if is_regex else ["", "1", "2", "12"]),
        is_regex=is_regex,
        is_equal=random.random() < 0.7,
    )


def posted(action: PutSilence, now_ms: int) -> dict[str, Any]:
    starts_ms = now_ms if action.starts_ms is None else action.starts_ms
    one = Silence(
        id=action.silence_id, matchers=action.matchers, starts_ms=starts_ms, ends_ms=action.ends_ms, updated_ms=0
    )
    body = as_api(one, now_ms) | {"comment": action.comment, "createdBy": action.created_by}
    return {name: value for name, value in body.items() if name not in ("status", "updatedAt") and value != ""} | {
        "comment": action.comment
    }


CONFIG = {"route": {"receiver": "r", "group_wait": "1h"}, "receivers": [{"name": "r"}]}


@pytest.mark.slow
def test_the_edit_rules_are_alertmanagers(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Some hundred commands of every kind: the same are refused, the same keep their id, the same is left."""
    random = Random(20)
    book = Book()
    theirs_of: dict[str, str] = {}
    skewed: set[str] = set()
    reasons: dict[str, int] = {}
    with Alertmanager(tmp_path_factory.mktemp("alertmanager"), CONFIG) as server:
        for _ in range(600):
            # What ends is active to the end of its millisecond here, of its nanosecond there.
            time.sleep(0.002)
            now_ms = round(time.time() * 1000)
            known = [one for one in theirs_of if one not in skewed]
            sid = random.choice(known[-8:]) if known and random.random() < 0.6 else ""
            if sid and random.random() < 0.2:
                answer = book.do(ExpireSilence(silence_id=sid), now_ms)
                assert server.call("DELETE", f"/silence/{theirs_of[sid]}")[0] == 200
                reasons[answer.reason] = reasons.get(answer.reason, 0) + 1
                continue
            previous = book.state.silences.get(sid)
            keep = previous is not None and random.random() < 0.7
            # Not now itself: it is over when they read it.
            starts_ms = random.choice([now_ms - 1, now_ms + HOUR, now_ms - HOUR, now_ms + 2 * HOUR])
            if previous is not None and random.random() < 0.6:
                starts_ms = previous.starts_ms
            action = PutSilence(
                matchers=previous.matchers
                if previous is not None and keep
                else tuple(random_matcher(random) for _ in range(random.choice([0, 1, 1, 1, 2, 2]))),
                starts_ms=starts_ms,
                ends_ms=random.choice([now_ms + HOUR, now_ms + 3 * HOUR, now_ms + 3 * HOUR, now_ms - HOUR]),
                silence_id=sid,
                created_by="me",
                comment=f"c{random.randint(0, 9)}",
            )
            status, body = server.call(
                "POST", "/silences", posted(action, now_ms) | ({"id": theirs_of[sid]} if sid else {})
            )
            answer = book.do(action, now_ms)
            reasons[answer.reason] = reasons.get(answer.reason, 0) + 1
            refused = SilenceReason(answer.reason).refused
            assert refused is (status != 200), (action, answer, status, body)
            if refused:
                if sid and state_of(book.state.silences.get(sid), now_ms) is not SilenceState.EXPIRED:  # type: ignore[arg-type]
                    # A difference on purpose: there the old silence may be over all the same. Bring both together.
                    server.call("DELETE", f"/silence/{theirs_of[sid]}")
                    book.do(ExpireSilence(silence_id=sid), now_ms)
                continue
            assert (body["silenceID"] == theirs_of.get(sid)) is (answer.reason == "changed"), (action, answer)
            theirs_of[answer.silence_id] = body["silenceID"]
            # Starts are compared to the second, and their clock is read a little later than ours.
            ours = book.state.silences.get(answer.silence_id)
            starts = server.call("GET", f"/silence/{body['silenceID']}")[1]["startsAt"]
            assert ours is not None
            if ours.starts_ms // 1000 != to_ms(starts) // 1000:
                skewed.add(answer.silence_id)
        now_ms = round(time.time() * 1000) + 1
        listed = server.call("GET", "/silences")[1]
    theirs = {one["id"]: one for one in listed}
    assert len(theirs) == len(book.state.silences)
    for one in book.state.silences:
        listed_here, other = as_api(one, now_ms), theirs[theirs_of[one.id]]
        for field in ("status", "comment", "createdBy", "matchers"):
            assert listed_here[field] == other[field], (field, listed_here, other)
        for field in ("startsAt", "endsAt"):
            assert abs(to_ms(listed_here[field]) - to_ms(other[field])) < 5_000
    assert {name for name, count in reasons.items() if count > 10} >= {
        *("added", "changed", "replaced", "expired", "already_expired", "invalid"),
    }


@pytest.mark.slow
def test_the_same_alerts_are_silenced_as_in_alertmanager(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Some thousand pairs of alert and silences, with the ids of all silences that hold."""
    random = Random(21)
    book, silencer = Book(), Silencer()
    theirs_of: dict[str, str] = {}
    alerts: dict[str, Alert] = {}
    for _ in range(400):
        labels = {name: random.choice(["1", "2", "12"]) for name in "abc" if random.random() < 0.7} | {
            "n": str(random.randint(0, 200))
        }
        mark = fingerprint(labels)
        alerts[mark] = msgspec.structs.replace(make_alert(), labels=labels, fingerprint=mark)
    compared = silenced = 0
    with Alertmanager(tmp_path_factory.mktemp("alertmanager"), CONFIG) as server:
        until = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
        body = [{"labels": one.labels, "endsAt": until} for one in alerts.values()]
        assert server.call("POST", "/alerts", body)[0] == 200
        for _ in range(10):
            for _ in range(3):
                now_ms = round(time.time() * 1000)
                action = PutSilence(
                    matchers=tuple(random_matcher(random) for _ in range(random.choice([1, 2, 3]))),
                    starts_ms=random.choice([now_ms, now_ms, now_ms + HOUR]),
                    ends_ms=now_ms + 2 * HOUR,
                    created_by="me",
                )
                answer = book.do(action, now_ms)
                status, posted_body = server.call("POST", "/silences", posted(action, now_ms))
                assert (status == 200) is (not answer.error)
                if not answer.error:
                    theirs_of[answer.silence_id] = posted_body["silenceID"]
            if len(theirs_of) > 4:
                gone = random.choice(list(theirs_of))
                book.do(ExpireSilence(silence_id=gone), round(time.time() * 1000))
                server.call("DELETE", f"/silence/{theirs_of[gone]}")
            time.sleep(0.01)
            now_ms = round(time.time() * 1000)
            for theirs in server.call("GET", "/alerts")[1]:
                context = MuteContext(None, GROUP, FiringAlerts(), now_ms, book.state.silences)
                answer_of_ours = silencer.mute(alerts[theirs["fingerprint"]], context)
                muting = answer_of_ours.muting
                mine = {theirs_of[sid] for sid in muting.ids} if muting else set()
                assert mine == set(theirs["status"]["silencedBy"])
                assert (theirs["status"]["state"] == "suppressed") is bool(mine)
                compared, silenced = compared + 1, silenced + bool(mine)
    assert compared > 2_000
    assert compared / 10 < silenced < compared * 0.98
