"""The id of a transition: the same for the same transition, for ever."""

from __future__ import annotations

import uuid

from driftbell.schemas import alert_id


def test_the_id_is_fixed_for_ever() -> None:
    assert alert_id("0c942b92d3386d11", 1, "firing") == "e9cff31c-6546-59db-8d8f-cfcd5723648c"


def test_episode_and_status_and_condition_make_another_id() -> None:
    ids = {
        alert_id(condition, episode, status)
        for condition in ("0c942b92d3386d11", "d2c6efc389df0927")
        for episode in (1, 2, 11)
        for status in ("pending", "firing", "resolved")
    }

    assert len(ids) == 18
    assert {uuid.UUID(text).version for text in ids} == {5}
