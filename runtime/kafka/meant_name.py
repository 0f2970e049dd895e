"""The Kafka property that was probably meant. Names share few words: many are near in letters and not in meaning."""

from __future__ import annotations

from collections.abc import Callable, Collection

from driftbell.runtime.config.nearest import nearest
from driftbell.runtime.kafka.names import JAVA, KNOWN, OURS

#: The words of all names. None of them is another one written wrongly: ``max`` is not ``min``.
_WORDS = frozenset(word for name in {*KNOWN, *OURS, *JAVA} for word in name.split("."))
#: In fewer letters a slip is as likely another word: ``mb`` is not ``ms``.
_LEAST_LETTERS = 3


def meant_name(name: str, known: Collection[str]) -> str | None:
    """The known name that ``name`` is with other separators, without its end, or with a slip in one word; else None.

    >>> names = ["linger.ms", "queue.buffering.max.ms", "ssl.crl.location", "sasl.username"]
    >>> meant_name("linger", names), meant_name("LINGER_MS", names), meant_name("sasl.usrname", names)
    ('linger.ms', 'linger.ms', 'sasl.username')
    >>> meant_name("ssl.cert.location", names), meant_name("queue.buffering.max.mb", names)
    (None, None)
    """
    plain = name.lower().replace("_", ".").replace("-", ".").strip(".")
    letters = plain.replace(".", "")
    rules: tuple[Callable[[str], bool], ...] = (
        lambda one: one.replace(".", "") == letters,
        # Of ``client.d`` the last word is too little to tell ``client.dns.lookup`` from a slip in ``client.id``.
        lambda one: one.startswith(plain) and len(plain.rpartition(".")[2]) >= _LEAST_LETTERS,
        lambda one: _slip(plain, one) is not None,
    )
    for rule in rules:
        found = [one for one in known if rule(one)]
        if found:
            # Of two that are as near, neither.
            return found[0] if len(found) == 1 and _is_believed(_slip(plain, found[0])) else None
    return None


def _slip(written: str, known: str) -> tuple[str, str] | None:
    """The one word that differs, as written and as known, where slips explain it."""
    words, others = written.split("."), known.split(".")
    differ = [(one, other) for one, other in zip(words, others, strict=False) if one != other]
    if len(words) != len(others) or len(differ) != 1:
        return None
    ((one, other),) = differ
    return (one, other) if one not in _WORDS and nearest(one, [other]) is not None else None


def _is_believed(slip: tuple[str, str] | None) -> bool:
    return slip is None or min(map(len, slip)) >= _LEAST_LETTERS
