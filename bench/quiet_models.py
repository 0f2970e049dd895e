"""What models take in memory that have been quiet for long, in a process that claims them as a worker does after a restart."""

from __future__ import annotations

import ctypes
import gc
from multiprocessing import get_context
from multiprocessing.connection import Connection

from bench.readings import memory_bytes
from driftbell.runtime.config.model import Config
from driftbell.streams.checkpoints.checkpoint import Checkpoint, Stored
from driftbell.streams.partition.partition import Partition


def bytes_when_quiet(config: Config, checkpoint: Checkpoint) -> float:
    """Resident bytes per model of a process that has claimed ``checkpoint``, all of whose models are quiet.

    Memory that is free (of the blobs that it was given, and has let go) is given back to the system before it is measured.
    """
    models = {name: blob for name, blob in checkpoint.models.items() if blob is not None}
    stored = Stored(dict(checkpoint.offsets), checkpoint.core, models=models, waiting={}, outbox=())
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_claim, args=(theirs, config))
    process.start()
    # One of the models first: what is imported and allocated once is no model's.
    ours.send(Stored(stored.offsets, stored.core, models=dict([*models.items()][:1]), waiting={}, outbox=()))
    ours.send(stored)
    size: int = ours.recv()
    process.join()
    return size / len(models)


def _claim(connection: Connection, config: Config) -> None:
    warm = Partition(0, config, connection.recv())
    gc.collect()
    _give_back()
    before = memory_bytes()
    partition = Partition(0, config, connection.recv())
    gc.collect()
    _give_back()
    connection.send(memory_bytes() - before)
    del warm, partition


def _give_back() -> None:
    libc = ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
