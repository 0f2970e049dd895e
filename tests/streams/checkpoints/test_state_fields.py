"""A field is never added to the state under a version that an earlier release would read, and lose the field."""

from __future__ import annotations

import pytest

from driftbell.streams.partition.partition import CORE_FORMAT
from tests.streams import state_fields


def test_the_fields_of_the_state_are_those_of_its_version() -> None:
    recorded = state_fields.recorded()

    assert (CORE_FORMAT.version, state_fields.fields()) == (recorded["version"], recorded["fields"]), (
        f"a driftbell that reads version {recorded['version']} would lose what is new: see tests/streams/state_fields.py"
    )


@pytest.mark.parametrize(
    "changed", [{"Added 1": ["field"]}, {"DriftState 1": ["shifts", "more"]}, {"partition": ["less"]}]
)
def test_a_new_field_is_not_recorded_under_the_old_version(
    changed: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = state_fields.RECORDED.read_text(encoding="utf-8")
    more = state_fields.recorded()["fields"] | changed
    monkeypatch.setattr(state_fields, "fields", lambda: more)

    assert state_fields.main() == 1
    assert f"raise CORE_FORMAT above {CORE_FORMAT.version}" in capsys.readouterr().err
    assert state_fields.RECORDED.read_text(encoding="utf-8") == before


def test_a_kind_whose_own_version_is_higher_may_have_other_fields() -> None:
    recorded = state_fields.recorded()
    fields = {kind: names for kind, names in recorded["fields"].items() if kind != "DriftState 1"}

    assert state_fields.unversioned(fields | {"DriftState 2": ["shifts", "more"]}, recorded) == []
