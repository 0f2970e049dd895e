"""What the documents say of the tree is so: a reader who follows a path finds a file."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.house.sources import ROOT, tracked

#: A path in backticks, with a folder in front: ``streams/records.py``; also with ``*``. Not ``<name>``.
_PATH = re.compile(r"`([A-Za-z_][\w.*-]*(?:/[\w.*-]+)+/?)`")
_FILE = re.compile(r"\.(py|md|lua|json|xml|ya?ml|toml|lock|txt|sh)$")
#: Where documents about one room begin their paths.
_FROM = ("", "streams", "alerting")


def named() -> Iterator[tuple[str, str]]:
    """(document, path) for every path of this repository that a document names."""
    rooms = {path.relative_to(ROOT).parts[0] for path in tracked() if path.parent != ROOT}
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for path in _PATH.findall(document.read_text(encoding="utf-8")):
            if path.partition("/")[0] in rooms or _FILE.search(path):
                yield document.relative_to(ROOT).as_posix(), path


def test_every_path_that_a_document_names_exists() -> None:
    found = list(named())
    dead = [f"{document}: {path}" for document, path in found if not any([*(ROOT / at).glob(path)] for at in _FROM)]

    assert len(found) > 30
    assert dead == []
