"""A destination that is gone from the configuration lives on until all that it opened is closed, and is then forgotten."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from driftbell.alerting.outbox.destination import Destination
from driftbell.alerting.state.records import KnownDestination
from driftbell.alerting.state.state import Draft


def known(draft: Draft) -> dict[str, KnownDestination]:
    """What is remembered, as the draft has it."""
    found = {**draft.state.destinations, **draft.destinations}
    return {name: record for name, record in found.items() if record is not None}


def destination_of(record: KnownDestination) -> Destination:
    """A remembered destination as the core knows it."""
    return Destination(
        id=record.id,
        receiver=record.receiver,
        integration=record.integration,
        send_resolved=record.send_resolved,
        label=record.label,
        address=record.address,
        settings=record.settings_digest,
        retired=bool(record.retired_ms),
    )


def remember(draft: Draft, configured: Iterable[KnownDestination], now_ms: int) -> list[KnownDestination]:
    """Take over which destinations the configuration has now. Returns those that retire with it."""
    before = known(draft)
    for record in configured:
        saved = before.pop(record.id, None)
        wanted = msgspec.structs.replace(record, secrets=record.secrets if _in_use(draft, record.id) else {})
        if saved != wanted:
            draft.destinations[record.id] = wanted
    retired = []
    for gone in before.values():
        if not gone.retired_ms:
            record = msgspec.structs.replace(gone, retired_ms=now_ms)
            draft.destinations[record.id] = record
            retired.append(record)
    forget(draft)
    return [record for record in retired if draft.destinations.get(record.id) is not None]


def forget(draft: Draft) -> list[str]:
    """Forget retired destinations at which nothing is open or waits, and secrets that nobody needs. Returns the former."""
    forgotten = []
    for record in known(draft).values():
        if _in_use(draft, record.id):
            continue
        if record.retired_ms:
            draft.destinations[record.id] = None
            forgotten.append(record.id)
        elif record.secrets:
            draft.destinations[record.id] = msgspec.structs.replace(record, secrets={})
    return forgotten


def keep_secrets(draft: Draft, configured: Mapping[str, KnownDestination]) -> None:
    """Before something is opened at a destination: keep what is needed to close it under another configuration.

    Args:
        draft: about to be saved.
        configured: those with secrets in the configuration itself, by id.
    """
    for queue in draft.queues.values():
        wanted = None if queue is None else configured.get(queue.destination)
        if wanted is not None and draft.state.destinations.get(wanted.id) != wanted:
            draft.destinations[wanted.id] = wanted


def _in_use(draft: Draft, destination: str) -> bool:
    return any(True for _ in draft.queues_of(destination))
