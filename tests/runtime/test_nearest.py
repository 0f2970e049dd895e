"""A hint is given only where a slip explains the mistake."""

from __future__ import annotations

import pytest

from driftbell.runtime.config.nearest import nearest

CHANNELS = [
    "email_configs",
    "log_configs",
    "name",
    "pagerduty_configs",
    "slack_configs",
    "webhook_configs",
    "msteamsv2_configs",
]


@pytest.mark.parametrize(
    "name", ["teams_configs", "opsgenie_configs", "sns_configs", "discord_configs", "victorops_configs"]
)
def test_a_channel_that_does_not_exist_is_not_taken_for_another(name: str) -> None:
    assert nearest(name, CHANNELS) is None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("slak_configs", "slack_configs"), ("slack_config", "slack_configs"), ("slack_confgis", "slack_configs"),
        ("webhooks_configs", "webhook_configs"), ("pager_duty_configs", "pagerduty_configs"), ("Name", "name"),
        ("nmae", "name"), ("msteams_configs", "msteamsv2_configs"),
    ],
)  # fmt: skip
def test_a_slip_is_understood(name: str, meant: str) -> None:
    assert nearest(name, CHANNELS) == meant


def test_where_nothing_is_known_nothing_is_meant() -> None:
    assert nearest("x", []) is None and nearest("", ["name"]) is None


def test_a_name_of_which_no_letter_fits_is_not_meant() -> None:
    assert nearest("x", ["r"]) is None
