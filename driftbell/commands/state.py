"""``driftbell state``: the checkpoints, for when something went wrong."""

from __future__ import annotations

import argparse
import json

from driftbell.command import Commands, takes_json
from driftbell.configured import configured
from driftbell.errors import CommandError, UsageError
from driftbell.exit_codes import ExitCode


def register(commands: Commands) -> None:
    """Add the command."""
    state = commands.group(
        "state",
        summary="repair checkpoints after a reset of the consumer group",
        description="Look after the checkpoints in Redis. Needed only when something went wrong.",
    )
    reset = state.add(
        "reset-fence",
        reset_fence,
        summary="let workers of a reset consumer group take over at once",
        description="Checkpoints are fenced by the consumer group's generation, so that a worker that was frozen cannot\n"
        "overwrite a later one's state. When the group is deleted in Kafka, its generations begin again at 1, and new\n"
        "workers wait until the old ones have been silent for ten sessions. If you know that no old worker runs any\n"
        "more, this command spares you the wait. The state itself is kept.",
        example="driftbell state reset-fence --yes",
    )
    reset.add_argument("--yes", action="store_true", help="I know that no worker of this group runs")
    takes_json(reset, "one JSON object: the group and the number of partitions")


def reset_fence(options: argparse.Namespace) -> int:
    """Reset the fence of every partition."""
    import asyncio

    config = configured(options)
    if not options.yes:
        raise UsageError(
            "a worker that still runs could overwrite the state of the next one",
            f"stop all workers of group {config.worker.group}, then repeat with --yes",
        )
    from driftbell.status import gather, store_of
    from driftbell.streams.errors import StoreUnavailableError

    async def reset() -> int:
        fleet = await gather(config)
        held = [one.partition for one in fleet.partitions if one.owner]
        store = store_of(config)
        try:
            await store.reset_fence(held)
        except StoreUnavailableError as error:
            raise CommandError(str(error), "is it running, and is redis.url right?") from error
        finally:
            await store.close()
        return len(held)

    held = asyncio.run(reset())
    if options.json:
        print(json.dumps({"group": config.worker.group, "partitions": held}))
    else:
        print(f"{held} partitions of group {config.worker.group} can be claimed by any worker now")
    return ExitCode.OK
