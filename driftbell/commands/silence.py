"""``driftbell silence``: hold alerts back for a while."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.errors import UsageError
from driftbell.exit_codes import ExitCode
from driftbell.router_commands import at_store, done, length_ms, moment_ms, refused, who

if TYPE_CHECKING:
    from driftbell.alerting.state.silence import Answer, Silence
    from driftbell.runtime.matching.matchers import Matcher


def register(commands: Commands) -> None:
    """Add the command."""
    silence = commands.group(
        "silence",
        summary="hold alerts back for a while: add, list, expire",
        description="Silences hold alerts back that match, for a time, as Alertmanager's do. They are kept in Redis with the\n"
        "router's state. A page that is open already stays open, without repeats, and is closed when its alerts are over.",
    )
    add = silence.add(
        "add",
        add_silence,
        summary="add a silence, or change one",
        description="Adds a silence and prints its id. The matchers are label=value, with =, !=, =~ or !~; all must match;\n"
        "a first argument without one of these is the alertname. With --id a silence is changed: in place if only its\n"
        "end, comment or author change (before its start also the start); else it is ended, and a new one has a new id.\n"
        "The router that leads does it; when none does within ten seconds, nothing was done.",
        example="driftbell silence add model=fraud 'severity=~warning|info' -d 2h --comment 'new batch is loaded'\n"
        "driftbell silence add ErrorRateHigh model=fraud --end 2026-12-01T08:00:00Z --comment 'known, TICKET-7'",
    )
    add.add_argument("matchers", nargs="+", metavar="MATCHER", help="label=value, with =, !=, =~ or !~")
    add.add_argument("-d", "--duration", default="1h", help="how long, from the start (default: 1h)")
    add.add_argument("--start", metavar="TIME", help="RFC 3339 (default: now)")
    add.add_argument("--end", metavar="TIME", help="RFC 3339; instead of --duration")
    add.add_argument("--comment", required=True, help="why")
    add.add_argument("-a", "--author", help="who (default: the user of this process)")
    add.add_argument("--id", default="", help="change this silence")
    takes_json(add, "one JSON object: the result and the silence's id")
    listing = silence.add(
        "list",
        list_silences,
        summary="show silences, as they were last saved",
        description="Shows active and pending silences, read from Redis: no router is asked. Matchers keep the silences that\n"
        "have a matcher of that label with such a value.",
        example="driftbell silence list\ndriftbell silence list model=fraud --within 2h --json",
    )
    listing.add_argument("matchers", nargs="*", metavar="MATCHER", help="only silences about such labels")
    listing.add_argument("--expired", action="store_true", help="those that are over; they are kept for five days")
    listing.add_argument("--within", metavar="DURATION", help="only those that end (with --expired: ended) within it")
    listing.add_argument("--created-by", metavar="NAME", help="only this author's")
    listing.add_argument("-q", "--quiet", action="store_true", help="only the ids")
    takes_json(listing, "one JSON object per silence, as in Alertmanager's API")
    expire = silence.add(
        "expire",
        expire_silences,
        summary="end silences now",
        description="Ends silences. What they held back and still fires is notified at once.",
        example="driftbell silence expire 0f7c2b9e-5d0c-4f5b-9d8e-2f1f6f1b9a10\n"
        "driftbell silence expire $(driftbell silence list --quiet)",
    )
    expire.add_argument("ids", nargs="+", metavar="ID", help="of a silence")
    takes_json(expire, "one JSON object per silence: the result and its id")


def add_silence(options: argparse.Namespace) -> int:
    """Hand the command in and print the id."""
    import time

    from driftbell.alerting.muting.silence_rules import stored_matcher
    from driftbell.alerting.state.silence import PutSilence

    config = configured(options)
    matchers = _matchers(options.matchers)
    starts_ms = None if options.start is None else moment_ms(options.start, "--start")
    now_ms = round(time.time() * 1000)
    if options.end is not None:
        ends_ms = moment_ms(options.end, "--end")
        if ends_ms <= max(now_ms, starts_ms or 0):
            begin = "now" if starts_ms is None or starts_ms <= now_ms else "its --start"
            raise UsageError(f"--end {options.end} is not after {begin}", "give a later time, or --duration")
    else:
        ends_ms = (now_ms if starts_ms is None else starts_ms) + length_ms(options.duration, "--duration")
    put = PutSilence(
        matchers=tuple(stored_matcher(matcher) for matcher in matchers),
        starts_ms=starts_ms,
        ends_ms=ends_ms,
        silence_id=options.id,
        created_by=who() if options.author is None else options.author,
        comment=options.comment,
    )
    [answer] = done(config, [put])
    _show(options.id, answer, options)
    return _exit_code([answer])


def expire_silences(options: argparse.Namespace) -> int:
    """Hand one command in for each silence."""
    from driftbell.alerting.state.silence import ExpireSilence

    answers = done(configured(options), [ExpireSilence(silence_id=one) for one in options.ids])
    for target, answer in zip(options.ids, answers, strict=True):
        _show(target, answer, options)
    return _exit_code(answers)


def list_silences(options: argparse.Namespace) -> int:
    """Read the store and print."""
    import time

    from driftbell.alerting.commands.asking import silences
    from driftbell.alerting.muting.silence_list import as_api, selected
    from driftbell.alerting.times import clock_time
    from driftbell.runtime.printable import printable

    config = configured(options)
    matchers = _matchers(options.matchers)
    within_ms = None if options.within is None else length_ms(options.within, "--within")
    kept = at_store(config, silences)
    now_ms = round(time.time() * 1000)
    found = selected(
        kept,
        now_ms,
        expired=options.expired,
        within_ms=within_ms,
        created_by=options.created_by,
        matchers=matchers,
    )
    for one in found:
        shown = as_api(one, now_ms)
        if options.quiet:
            print(one.id)
        elif options.json:
            print(json.dumps(shown, ensure_ascii=False))
        else:
            print(printable(f"{one.id}  {shown['status']['state']:<7}  until {clock_time(one.ends_ms)}"))
            print(printable(f"    {_matched(one)}"))
            print(printable(f"    {one.created_by or 'nobody'}: {one.comment}"))
    if not found and not options.quiet and not options.json:
        print("no silences")
    return ExitCode.OK


def _show(target: str, answer: Answer, options: argparse.Namespace) -> None:
    from driftbell.runtime.printable import printable, printable_lines

    if options.json:
        shown = {"result": answer.reason, "id": answer.silence_id, "error": answer.error}
        print(json.dumps({key: value for key, value in shown.items() if value}))
    elif answer.error:
        print(printable_lines(refused(target, answer)), file=sys.stderr)
    else:
        print(printable(answer.silence_id))


def _exit_code(answers: Sequence[Answer]) -> int:
    return ExitCode.FAILED if any(answer.error for answer in answers) else ExitCode.OK


def _matchers(texts: Sequence[str]) -> list[Matcher]:
    from driftbell.runtime.matching.matchers import BadMatcherError, Matcher, Operator, parse_matchers

    found: list[Matcher] = []
    for index, text in enumerate(texts):
        if index == 0 and not any(sign in text for sign in "=!"):
            found.append(Matcher("alertname", Operator.EQUAL, text))
            continue
        try:
            found += parse_matchers(text)
        except BadMatcherError as error:
            raise UsageError(str(error), 'write label=value or label="value", with =, !=, =~ or !~') from error
    return found


def _matched(silence: Silence) -> str:
    from driftbell.alerting.muting.silence_rules import matcher_of

    return " ".join(str(matcher_of(stored)) for stored in silence.matchers)
