"""River's detectors by River's names: uncalibrated, so they page nobody unless asked to."""

from __future__ import annotations

import enum
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from driftbell.streams.detectors.river.state import decode_into, encode
from driftbell.streams.encoding import BadStateError
from driftbell.streams.versioned import Versioned

#: Module and class of River by the name in the papers. Imported when first used: River brings SciPy and its data sets along,
#: which would more than double a worker's start, and by default none of these runs. KSWIN draws at random: it is seeded, or
#: two runs would disagree.
_CLASSES: Mapping[str, tuple[str, str]] = {
    "ADWIN": ("river.drift", "ADWIN"),
    "DDM": ("river.drift.binary", "DDM"),
    "EDDM": ("river.drift.binary", "EDDM"),
    "FHDDM": ("river.drift.binary", "FHDDM"),
    "HDDM_A": ("river.drift.binary", "HDDMA"),
    "HDDM_W": ("river.drift.binary", "HDDMW"),
    "KSWIN": ("river.drift", "KSWIN"),
    "PageHinkley": ("river.drift", "PageHinkley"),
}
NAMES: Sequence[str] = tuple(_CLASSES)
#: Made for errors (0 or 1); the others take any number.
BINARY = frozenset({"DDM", "EDDM", "FHDDM", "HDDM_A", "HDDM_W"})
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {"KSWIN": {"seed": 42}}

RIVER = version("river")


def _river_class(name: str) -> Callable[..., Any]:
    module, attribute = _CLASSES[name]
    found: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return found


class Restored(enum.StrEnum):
    """What became of a saved state."""

    CONTINUED = "continued"
    #: The state is of another River, whose compiled memory may be laid out differently: started fresh.
    OTHER_RIVER = "other_river_version"
    OTHER_DETECTOR = "other_detector"
    OTHER_PARAMETERS = "other_parameters"
    DAMAGED = "damaged_state"


class RiverState(Versioned, frozen=True):
    """River's own attributes, with what must be the same for them to mean the same."""

    name: str
    #: The version of River that wrote them.
    river: str
    parameters: dict[str, Any]
    attributes: dict[str, Any]


class RiverDetector:
    """One of River's detectors behind the detector port, fed one value at a time; 1 is an error, more is worse.

    River's FHDDM alarms when the mean of what it is fed drops, against its own documentation (0.2 to 0.5 takes it 3,534
    events as documented, 50 when fed the opposite): it is fed 1 - x.

    >>> import random
    >>> rng = random.Random(1)
    >>> detector = RiverDetector("ADWIN")
    >>> for at in range(2000):
    ...     detector.update(int(rng.random() < (0.1 if at < 1000 else 0.3)))
    ...     if detector.drift_detected:
    ...         print(f"found at event {at}")
    ...         break
    found at event 1087
    """

    calibrated: ClassVar[bool] = False

    def __init__(self, name: str, parameters: Mapping[str, Any] | None = None) -> None:
        """``parameters`` are River's own, by River's names.

        Raises:
            ValueError: an unknown detector or parameter, or a value that River refuses; the message lists what is
                known.
        """
        if name not in _CLASSES:
            raise ValueError(f"unknown detector {name!r}; known: {', '.join(NAMES)}")
        self.name = name
        self.parameters = {**_DEFAULTS.get(name, {}), **(parameters or {})}
        known = [p for p in inspect.signature(_river_class(name)).parameters if p != "window"]
        for parameter in self.parameters:
            if parameter not in known:
                raise ValueError(f"{name} has no parameter {parameter!r}; known: {', '.join(known)}")
        self._flip = name == "FHDDM"
        self._build()

    def _build(self) -> None:
        try:
            self._river: Any = _river_class(self.name)(**self.parameters)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name}: {error}") from error

    def update(self, value: float) -> None:
        """Take one value (0 or 1 for the binary detectors)."""
        self._river.update(1 - value if self._flip else value)

    @property
    def drift_detected(self) -> bool:
        """Whether the last update raised an alarm."""
        return bool(self._river.drift_detected)

    def reset(self) -> None:
        """Forget everything; the parameters stay."""
        self._build()

    def state(self) -> RiverState:
        """River's attributes as plain data, with the River version that wrote them."""
        return RiverState(name=self.name, river=RIVER, parameters=dict(self.parameters), attributes=encode(self._river))

    def restore(self, state: object) -> Restored:
        """Continue from ``state``; where that is impossible start fresh, and say why. Never raises."""
        self._build()
        restored = self._restore(state)
        if restored is not Restored.CONTINUED:
            self._build()
        return restored

    def _restore(self, state: object) -> Restored:
        try:
            saved = RiverState.read(state)
        except BadStateError:
            return Restored.DAMAGED
        if saved.name != self.name:
            return Restored.OTHER_DETECTOR
        if saved.river != RIVER:
            return Restored.OTHER_RIVER
        if saved.parameters != self.parameters:
            return Restored.OTHER_PARAMETERS
        try:
            decode_into(self._river, saved.attributes)
        except BaseException as error:
            # River's compiled parts raise pyo3's PanicException on damaged bytes, which is no Exception.
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return Restored.DAMAGED
        return Restored.CONTINUED
