"""``driftbell topics``: create, list and check the topics."""

from __future__ import annotations

import argparse

from driftbell.command import Commands
from driftbell.configured import configured
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    topics = commands.group(
        "topics",
        summary="create, list and check the Kafka topics",
        description="Create, list and check the topics named under `topics:` of the configuration.",
    )
    topics.add(
        "create",
        create,
        summary="create what is missing",
        description="Creates the topics that are missing, inputs, outputs and dead letters, with `topics.partitions`,\n"
        "`topics.replication_factor` and settings that suit them. Topics that exist are left as they are; their\n"
        "differences are reported, and the exit code is then 3.",
        example="driftbell topics create --config driftbell.yaml",
    )
    topics.add(
        "list",
        listing,
        summary="show what there is",
        description="Shows every topic with its partitions, replication factor and the settings that matter.",
        example="driftbell topics list",
    )
    topics.add(
        "check",
        check,
        summary="find what is wrong, change nothing",
        description="Compares the topics with what driftbell needs, and says how to mend each difference.\n"
        "Exit code 0: all is well. 3: something was found.",
        example="driftbell topics check && driftbell worker",
    )


def create(options: argparse.Namespace) -> int:
    """Create what is missing, then report as ``check`` does."""
    from driftbell.topics import Cluster, plan

    config = configured(options)
    cluster, plans = Cluster(config), plan(config)
    existing = cluster.topics(planned.name for planned in plans)
    missing = [planned for planned in plans if planned.name not in existing]
    for planned, outcome in cluster.create(missing, config.topics.replication_factor):
        print(f"{outcome:<8} {planned.name}  ({planned.partitions} partitions)")
    for name in existing:
        print(f"exists   {name}")
    return check(options)


def listing(options: argparse.Namespace) -> int:
    """Print one line per topic."""
    from driftbell.topics import Cluster, plan

    config = configured(options)
    plans = plan(config)
    actual = Cluster(config).topics(planned.name for planned in plans)
    width = max(len(planned.name) for planned in plans)
    for planned in plans:
        topic = actual.get(planned.name)
        if topic is None:
            print(f"{planned.name:<{width}}  missing")
            continue
        settings = "  ".join(f"{name}={value}" for name, value in sorted(topic.settings.items()))
        print(
            f"{planned.name:<{width}}  {topic.partitions:>3} partitions  replication {topic.replication_factor}  {settings}"
        )
    return ExitCode.OK


def check(options: argparse.Namespace) -> int:
    """Print what is wrong and how to mend it."""
    from driftbell.topics import Cluster, findings, plan

    config = configured(options)
    plans = plan(config)
    actual = Cluster(config).topics(planned.name for planned in plans)
    found = list(findings(plans, actual, horizon_ms=round(config.join.horizon * 1000)))
    for finding in found:
        print(f"{finding.topic}: {finding.problem}\n  fix: {finding.fix}")
    if found:
        return ExitCode.FOUND
    print(f"all {len(plans)} topics are as they should be")
    return ExitCode.OK
