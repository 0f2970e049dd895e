"""Detectors, one per file: calibrated ones keep a stated number of events per false alarm, River's do not."""

from __future__ import annotations

from driftbell.streams.detectors.bernoulli import BernoulliESR
from driftbell.streams.detectors.blocks import BlockCUSUM, BlockReference, block_events
from driftbell.streams.detectors.bounded_mean import BoundedMeanESR
from driftbell.streams.detectors.category import CategoryESR
from driftbell.streams.detectors.cusum import CUSUM
from driftbell.streams.detectors.detector import Detector
from driftbell.streams.detectors.rank import RankESR
from driftbell.streams.detectors.rank_scores import RankScores, observed_shift
from driftbell.streams.detectors.river.detector import NAMES as RIVER_NAMES
from driftbell.streams.detectors.river.detector import Restored, RiverDetector
from driftbell.streams.detectors.shiryaev_roberts import ShiryaevRoberts, alarms

__all__ = [
    "CUSUM",
    "RIVER_NAMES",
    "BernoulliESR",
    "BlockCUSUM",
    "BlockReference",
    "BoundedMeanESR",
    "CategoryESR",
    "Detector",
    "RankESR",
    "RankScores",
    "Restored",
    "RiverDetector",
    "ShiryaevRoberts",
    "alarms",
    "block_events",
    "observed_shift",
]
