"""From the configuration to channels."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from driftbell.alerting.channels.alertmanager.alertmanager import AlertmanagerChannel
from driftbell.alerting.channels.apprise.apprise import AppriseChannel
from driftbell.alerting.channels.channel import Channel
from driftbell.alerting.channels.email.email import EmailChannel
from driftbell.alerting.channels.http import new_session
from driftbell.alerting.channels.log.log import LogChannel
from driftbell.alerting.channels.ntfy.ntfy import NtfyChannel
from driftbell.alerting.channels.pagerduty.pagerduty import PagerDutyChannel
from driftbell.alerting.channels.pushover.pushover import PushoverChannel
from driftbell.alerting.channels.registry import KINDS, LOG_ONLY, MODEL, build
from driftbell.alerting.channels.registry import check as check_channels
from driftbell.alerting.channels.slack.api import SlackApiChannel
from driftbell.alerting.channels.slack.webhook import SlackWebhookChannel
from driftbell.alerting.channels.teams.teams import TeamsChannel
from driftbell.alerting.channels.webhook.webhook import WebhookChannel
from driftbell.alerting.errors import RefusedError, SecretError
from driftbell.runtime.config.router import Receiver, Route, RouterConfig
from driftbell.runtime.config.router_check import check
from tests.services.missing import missing


async def built(receiver: dict[str, Any], **defaults: Any) -> dict[str, Channel]:
    router = msgspec.convert(
        {"global": defaults, "route": {"receiver": "r"}, "receivers": [{"name": "r", **receiver}]}, MODEL.router
    )
    assert [*check(router), *check_channels(router)] == []
    async with new_session() as session:
        endpoints = build(router, session)
    return {endpoint.destination.label: endpoint.channel for endpoint in endpoints}


async def test_every_kind_of_channel_is_built_under_its_own_name() -> None:
    if importlib.util.find_spec("apprise") is None:
        missing("the library Apprise", "pip install 'driftbell[apprise]'")
    found = await built(
        {
            "slack_configs": [{"channel": "C1"}, {"api_url": "https://hooks.example.org/x"}],
            "pagerduty_configs": [{"routing_key": "k" * 32}],
            "email_configs": [{"to": "a@example.org"}],
            "webhook_configs": [{"url": "https://example.org/hook"}],
            "msteamsv2_configs": [{"webhook_url": "https://example.org/workflow"}],
            "ntfy_configs": [{"topic": "driftbell"}],
            "pushover_configs": [{"user_key": "u" * 30, "token": "a" * 30}],
            "alertmanager_configs": [{"addresses": ["http://alertmanager:9093"]}],
            "apprise_configs": [{"url": "json://localhost/driftbell"}],
            "log_configs": [{}],
        },
        slack_bot_token="xoxb-1",
        smtp_smarthost="localhost:25",
        smtp_from="d@example.org",
    )

    assert {name: type(channel) for name, channel in found.items()} == {
        "r/slack[0]": SlackApiChannel,
        "r/slack[1]": SlackWebhookChannel,
        "r/pagerduty[0]": PagerDutyChannel,
        "r/email[0]": EmailChannel,
        "r/webhook[0]": WebhookChannel,
        "r/msteamsv2[0]": TeamsChannel,
        "r/ntfy[0]": NtfyChannel,
        "r/pushover[0]": PushoverChannel,
        "r/alertmanager[0]": AlertmanagerChannel,
        "r/apprise[0]": AppriseChannel,
        "r/log[0]": LogChannel,
    }
    assert {name.partition("/")[2].partition("[")[0] for name in found} == {kind.integration for kind in KINDS}
    for channel in found.values():
        await channel.close()


async def test_the_empty_configuration_is_a_log() -> None:
    async with new_session() as session:
        [endpoint] = build(LOG_ONLY, session)

    assert endpoint.destination.label == "log/log[0]"


async def test_what_shares_a_vendors_account_shares_its_limit() -> None:
    found = await built({"pagerduty_configs": [{"routing_key": key * 32} for key in "aab"]})
    rates = [channel.rate.key for channel in found.values() if channel.rate is not None]

    assert rates[0] == rates[1] != rates[2]
    assert not any("aaaa" in key for key in rates)


async def test_the_global_webhook_serves_slack_without_a_token() -> None:
    found = await built({"slack_configs": [{}]}, slack_api_url="https://hooks.example.org/x")

    assert isinstance(found["r/slack[0]"], SlackWebhookChannel)


@pytest.mark.parametrize(
    ("receiver", "error", "message"),
    [
        ({"pagerduty_configs": [{"routing_key_file": "/not/there"}]}, SecretError, "there is no file /not/there"),
        (
            {"pagerduty_configs": [{"routing_key_env": "DRIFTBELL_NOT_SET"}]},
            SecretError,
            "DRIFTBELL_NOT_SET is not set",
        ),
        ({"slack_configs": [{"channel": "C", "bot_token_env": "DRIFTBELL_NOT_SET"}]}, SecretError, "bot_token"),
        (
            {"email_configs": [{"to": "a@b.c", "from": "d@e.f", "smarthost": "h:25", "headers": {"Bcc": "x"}}]},
            RefusedError,
            "Bcc is set by driftbell",
        ),
        (
            {"email_configs": [{"to": "a@b.c", "from": "d@e.f", "smarthost": "h:25", "tls_ca_file": "/not/there.pem"}]},
            RefusedError,
            r"r/email\[0\].tls_ca_file: /not/there.pem",
        ),
        ({"pagerduty_configs": [{"routing_key": "k" * 31}]}, RefusedError, r"routing_key: a routing key has 32"),
        ({"pagerduty_configs": [{"routing_key": "k" * 33}]}, RefusedError, r"routing_key: a routing key has 32"),
        ({"pagerduty_configs": [{"routing_key": "k" * 31 + "-"}]}, RefusedError, r"routing_key: a routing key has 32"),
        (
            {"email_configs": [{"to": "ops@bücher.example", "from": "d@e.f", "smarthost": "h:25"}]},
            RefusedError,
            r"r/email\[0\].to: .* not ASCII",
        ),
        (
            {"email_configs": [{"to": "jörg@example.org", "from": "d@e.f", "smarthost": "h:25"}]},
            RefusedError,
            r"r/email\[0\].to: .* is not an address",
        ),
        ({"ntfy_configs": [{"topic": "https://ntfy.sh/x"}]}, RefusedError, r"r/ntfy\[0\].topic: a topic has 1 to 64"),
        (
            {"pushover_configs": [{"user_key": "u" * 30, "token": "a" * 29}]},
            RefusedError,
            r"r/pushover\[0\].token: it has 30 letters",
        ),
        (
            {"pagerduty_configs": [{"routing_key": "k" * 32, "details": {"x": "{{ nothing }}"}}]},
            RefusedError,
            r"r/pagerduty\[0\].details.x",
        ),
    ],
)
async def test_what_cannot_work_is_refused_with_its_place(
    receiver: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        await built(receiver)


async def test_a_refused_routing_key_is_not_shown() -> None:
    with pytest.raises(RefusedError) as refusal:
        await built({"pagerduty_configs": [{"routing_key": "SECRET"}]})

    assert "SECRET" not in str(refusal.value)


async def test_a_secret_may_come_from_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTBELL_TEST_KEY", "k" * 32)

    assert await built({"pagerduty_configs": [{"routing_key_env": "DRIFTBELL_TEST_KEY"}]})


@pytest.mark.parametrize("kind", ["slack", "slack's default", "webhook", "teams"])
@pytest.mark.parametrize("form", ["env", "file"])
async def test_a_secret_url_without_its_scheme_is_refused_before_a_page_needs_it(
    kind: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRIFTBELL_TEST_URL", "hooks.example.org/SECRET")
    (tmp_path / "url").write_text("hooks.example.org/SECRET\n")
    given = "DRIFTBELL_TEST_URL" if form == "env" else str(tmp_path / "url")
    cases: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "slack": ({"slack_configs": [{f"api_url_{form}": given}]}, {}),
        "slack's default": ({"slack_configs": [{}]}, {f"slack_api_url_{form}": given}),
        "webhook": ({"webhook_configs": [{f"url_{form}": given}]}, {}),
        "teams": ({"msteamsv2_configs": [{f"webhook_url_{form}": given}]}, {}),
    }
    receiver, defaults = cases[kind]

    with pytest.raises(RefusedError, match="this is not an http:// or https:// URL") as refusal:
        await built(receiver, **defaults)
    assert "SECRET" not in str(refusal.value)


async def test_an_empty_secret_is_no_secret(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("\n")
    with pytest.raises(SecretError, match="is empty"):
        await built({"pagerduty_configs": [{"routing_key_file": str(file)}]})


def test_knowing_the_settings_of_all_channels_brings_no_client_library_along() -> None:
    heavy = {"aiohttp", "aiosmtplib", "apprise", "jinja2"}
    code = f"import sys, driftbell.alerting.channels.registry; print({heavy} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "set()"


def test_a_configuration_whose_channels_were_not_read_is_refused_and_not_silent() -> None:
    router = RouterConfig(route=Route(receiver="r"), receivers=[Receiver(name="r")])

    assert [(wrong.path, wrong.message) for wrong in MODEL.check(router)] == [
        (("receivers", 0), "the channels of 'r' were not read")
    ]
