"""``driftbell topics``: create, list and check the topics."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode

if TYPE_CHECKING:
    from driftbell.runtime.config.model import Config
    from driftbell.topics import TopicFinding


def register(commands: Commands) -> None:
    """Add the command."""
    topics = commands.group(
        "topics",
        summary="create, list and check the Kafka topics",
        description="Create, list and check the topics named under `topics:` of the configuration.",
    )
    create_parser = topics.add(
        "create",
        create,
        summary="create what is missing",
        description="Creates the topics that are missing, inputs, outputs and dead letters, with `topics.partitions`,\n"
        "`topics.replication_factor` and settings that suit them. Topics that exist are left as they are; their\n"
        "differences are reported, and the exit code is then 3.",
        example="driftbell topics create --config driftbell.yaml",
    )
    list_parser = topics.add(
        "list",
        listing,
        summary="show what there is",
        description="Shows every topic with its partitions, replication factor and the settings that matter.",
        example="driftbell topics list",
    )
    check_parser = topics.add(
        "check",
        check,
        summary="find what is wrong, change nothing",
        description="Compares the topics with what driftbell needs, and says how to repair each difference.\n"
        "Exit code 0: all is well. 3: something was found.",
        example="driftbell topics check && driftbell worker",
    )
    takes_json(create_parser, "one JSON object: what was created, what existed, and what is wrong")
    takes_json(list_parser, "one JSON object per topic")
    takes_json(check_parser, "one JSON object per finding")


def create(options: argparse.Namespace) -> int:
    """Create what is missing, then report as ``check`` does."""
    from driftbell.topics import Cluster, plan

    config = configured(options)
    cluster, plans = Cluster(config), plan(config)
    existing = cluster.topics(planned.name for planned in plans)
    missing = [planned for planned in plans if planned.name not in existing]
    created = []
    for planned, outcome in cluster.create(missing, config.topics.replication_factor):
        created.append({"topic": planned.name, "partitions": planned.partitions, "outcome": outcome.value})
        if not options.json:
            print(f"{outcome:<8} {planned.name}  ({planned.partitions} partitions)")
    if options.json:
        found = _found(config)
        print(json.dumps({"created": created, "existed": sorted(existing), "findings": list(map(asdict, found))}))
        return ExitCode.FOUND if found else ExitCode.OK
    for name in existing:
        print(f"exists   {name}")
    return check(options)


def listing(options: argparse.Namespace) -> int:
    """Print one line per topic."""
    from driftbell.topics import Cluster, plan, settings_worth_showing

    config = configured(options)
    plans = plan(config)
    actual = Cluster(config).topics(planned.name for planned in plans)
    width = max(len(planned.name) for planned in plans)
    for planned in plans:
        topic = actual.get(planned.name)
        if options.json:
            row = {"topic": planned.name, "role": planned.role, "exists": topic is not None}
            print(json.dumps(row if topic is None else row | asdict(topic)))
            continue
        if topic is None:
            print(f"{planned.name:<{width}}  missing")
            continue
        shown = settings_worth_showing(planned, topic)
        settings = "  ".join(f"{name}={value}" for name, value in sorted(shown.items()))
        print(
            f"{planned.name:<{width}}  {topic.partitions:>3} partitions  replication {topic.replication_factor}  {settings}"
        )
    return ExitCode.OK


def check(options: argparse.Namespace) -> int:
    """Print what is wrong and how to repair it."""
    config = configured(options)
    found = _found(config)
    for finding in found:
        print(
            json.dumps(asdict(finding)) if options.json else f"{finding.topic}: {finding.problem}\n  fix: {finding.fix}"
        )
    if found:
        return ExitCode.FOUND
    if not options.json:
        from driftbell.topics import plan

        print(f"all {len(plan(config))} topics are as they should be")
    return ExitCode.OK


def _found(config: Config) -> list[TopicFinding]:
    from driftbell.topics import Cluster, findings, plan

    plans = plan(config)
    cluster = Cluster(config)
    actual = cluster.topics(planned.name for planned in plans)
    found = list(findings(plans, actual, horizon_ms=round(config.join.horizon * 1000)))
    return found if any(finding.fatal for finding in found) else [*found, *cluster.wrong_keys(config)]
