"""``python -m tests.faults``: runs seeds against faults and prints what was exact.

Examples:
    python -m tests.faults                                 one seed of every fault
    python -m tests.faults --seeds 50                      fifty seeds, faults in turn
    python -m tests.faults --fault sigstop --seeds 5 --store valkey
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.faults import FAULTS
from tests.faults.strike import STORES, strike
from tests.services import KafkaCluster


def main() -> int:
    """Run and report; 0 when every run was exact."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=None, help="runs in all (default: one per fault)")
    parser.add_argument("--first-seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--fault", action="append", choices=sorted(FAULTS), help="only these faults")
    parser.add_argument("--store", choices=sorted(STORES), default="redis", help="the store (default redis)")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=3, help="brokers, topics replicated (default 3)")
    parser.add_argument("--workers", type=int, default=2, help="workers at the start (default 2)")
    parser.add_argument("--predictions", type=int, default=12_000, help="predictions in a run (default 12,000)")
    parser.add_argument("--seconds", type=float, default=12.0, help="how long they flow (default 12)")
    options = parser.parse_args()
    names = options.fault or list(FAULTS)
    runs = options.seeds or len(names)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="driftbell-faults-") as text:
        folder = Path(text)
        with KafkaCluster(folder / "kafka", nodes=options.brokers) as kafka:
            for seed, name in zip(
                range(options.first_seed, options.first_seed + runs), itertools.cycle(names), strict=False
            ):
                try:
                    failed += not _one(seed, name, folder, kafka, options)
                except (RuntimeError, TimeoutError) as error:
                    print(f"seed {seed:3} {name:28} FAILED  {error}", flush=True)
                    failed += 1
    print(f"{runs - failed} of {runs} runs exact", flush=True)
    return 1 if failed else 0


def _one(seed: int, name: str, folder: Path, kafka: KafkaCluster, options: argparse.Namespace) -> bool:
    started = time.monotonic()
    outcome = strike(
        seed,
        name,
        folder,
        kafka,
        STORES[options.store],
        workers=options.workers,
        predictions=options.predictions,
        seconds=options.seconds,
    )
    verdict = "exact" if not outcome.differences else "WRONG"
    print(
        f"seed {seed:3} {name:28} {verdict}  {outcome.predictions:,} records, {outcome.alerts} alerts "
        f"({outcome.repeated_alert_records} repeated records), {outcome.pages} pages, exits {dict(outcome.exit_codes)}, "
        f"{time.monotonic() - started:.0f} s",
        flush=True,
    )
    for difference in outcome.differences[:10]:
        print(f"    {difference}", flush=True)
    return not outcome.differences


if __name__ == "__main__":
    sys.exit(main())
