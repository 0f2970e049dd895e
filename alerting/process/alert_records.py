"""Records of the alerts topic as the router takes them in: in batches, and around one at which it raises."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from driftbell.alerting.errors import RouterError
from driftbell.alerting.incidents.observation import Observation
from driftbell.schemas import Alert

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """One record of the alerts topic; ``alert`` is None when it could not be used (its offset still counts)."""

    partition: int
    offset: int
    alert: Alert | None


TakeIn = Callable[[Sequence[AlertRecord]], Awaitable[list[Observation]]]


async def record_by_record_on_failure(take_in: TakeIn, records: Sequence[AlertRecord]) -> list[Observation]:
    """Take records in with one call of ``take_in``, which does all or nothing.

    A record that raises must not end the router, as it would come again at every start. So if the batch raises it is taken
    in record by record; the one that raises again is logged and passed over: taken in without its alert, which counts it.

    Raises:
        RouterError: nothing is wrong with the records (the store does not answer, another router leads).
        Exception: a record cannot even be passed over, so it is not the record.
    """
    try:
        return await take_in(records)
    except RouterError:
        raise
    except Exception:
        log.exception("a batch of alert records raised; taking them in one by one", extra={"records": len(records)})
    results: list[Observation] = []
    for record in records:
        try:
            results += await take_in([record])
        except RouterError:
            raise
        except Exception:
            position = {"partition": record.partition, "offset": record.offset}
            log.exception("alert record raised and is passed over", extra=position)
            await take_in([AlertRecord(record.partition, record.offset, None)])
    return results
