"""Detectors, one per file: calibrated ones keep a stated number of events per false alarm, River's do not."""

from __future__ import annotations

from streams.detectors.bernoulli import BernoulliESR
from streams.detectors.blocks import BlockCUSUM, BlockReference, block_events
from streams.detectors.bounded_mean import BoundedMeanESR
from streams.detectors.category import CategoryESR
from streams.detectors.cusum import CUSUM
from streams.detectors.detector import Detector
from streams.detectors.rank import RankESR
from streams.detectors.rank_scores import RankScores, observed_shift
from streams.detectors.river_detector import NAMES as RIVER_NAMES
from streams.detectors.river_detector import Restored, RiverDetector
from streams.detectors.shiryaev_roberts import ShiryaevRoberts, alarms

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
