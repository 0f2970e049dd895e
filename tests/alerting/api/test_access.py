"""Who may ask the API."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from aiohttp import web

from driftbell.alerting.api.access import Access, AccessReason
from driftbell.alerting.api.application import Mounted
from driftbell.runtime.config.router_api import ApiConfig, api_problems
from tests.alerting.api.serving import serving, settings_of

TOKEN = "token-3f9c"


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, AccessReason.NO_CREDENTIALS),
        ("Bearer token-3f9c", AccessReason.ADMITTED),
        ("bearer  token-3f9c ", AccessReason.ADMITTED),
        ("Bearer token-3f9", AccessReason.WRONG_CREDENTIALS),
        ("Bearer", AccessReason.WRONG_CREDENTIALS),
        ("Basic bWU6cGFzcw==", AccessReason.ADMITTED),
        ("Basic bWU6cGFzc3c=", AccessReason.WRONG_CREDENTIALS),
        ("Basic not base64", AccessReason.WRONG_CREDENTIALS),
        ("Digest x", AccessReason.WRONG_CREDENTIALS),
        ("Bearer \udcff", AccessReason.WRONG_CREDENTIALS),
    ],
)
def test_a_token_or_a_name_and_a_password_let_in(authorization: str | None, reason: AccessReason) -> None:
    access = Access(ApiConfig(bearer_token=TOKEN, username="me", password="pass"))

    assert access.check(authorization) is reason


def test_nothing_is_asked_for_where_nothing_is_set() -> None:
    assert Access(ApiConfig()).check(None) is AccessReason.OPEN


def test_a_rotated_secret_holds_at_once_and_a_missing_one_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old\n")
    access = Access(ApiConfig(bearer_token_file=str(file)))
    assert access.check("Bearer old") is AccessReason.ADMITTED
    file.write_text("new\n")
    assert access.check("Bearer old") is AccessReason.WRONG_CREDENTIALS
    assert access.check("Bearer new") is AccessReason.ADMITTED
    file.unlink()
    assert access.check("Bearer new") is AccessReason.SECRET_MISSING
    assert access.check("Bearer ") is AccessReason.SECRET_MISSING


async def test_a_stranger_sees_nothing_but_that_it_is_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(bearer_token=TOKEN) as served:
        for method, path in [
            ("GET", "/api/v2/status"),
            ("POST", "/api/v2/silences"),
            ("DELETE", "/api/v2/silence/x"),
            ("POST", "/-/reload"),
            ("GET", "/api/v2/nothing"),
            ("GET", "/nothing"),
        ]:
            assert (await served.call(method, path, headers={"Authorization": "Bearer wr0ng"}))[0] == 401, path
        assert (await served.call("GET", "/-/healthy"))[0] == 200
        assert (await served.call("GET", "/-/ready"))[0] == 200
        status, body = await served.call("GET", "/api/v2/status", headers={"Authorization": f"Bearer {TOKEN}"})
    assert status == 200
    assert TOKEN not in str(body) and TOKEN not in caplog.text and "wr0ng" not in caplog.text


async def test_routes_of_others_are_behind_the_token_unless_they_check_for_themselves() -> None:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="hello")

    mounted = [Mounted([web.post("/mine", hello)]), Mounted([web.post("/signed", hello)], checks_access=True)]
    async with serving(bearer_token=TOKEN, mounted=mounted) as served:
        assert (await served.call("POST", "/mine"))[0] == 401
        assert await served.call("POST", "/mine", headers={"Authorization": f"Bearer {TOKEN}"}) == (200, "hello")
        assert await served.call("POST", "/signed") == (200, "hello")


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        (ApiConfig(), []),
        (ApiConfig(listen="127.0.0.1:9093"), []),
        (ApiConfig(listen="localhost:9093"), []),
        (ApiConfig(listen="[::1]:9093"), []),
        (ApiConfig(listen="9093"), ["listen"]),
        (ApiConfig(listen="127.0.0.1:99999"), ["listen"]),
        (ApiConfig(listen=":9093"), ["listen"]),
        (ApiConfig(listen="0.0.0.0:9093"), ["listen"]),
        (ApiConfig(listen="0.0.0.0:9093", allow_anonymous=True), []),
        (ApiConfig(listen="0.0.0.0:9093", bearer_token_env="TOKEN"), []),
        (ApiConfig(listen="0.0.0.0:9093", username="me", password="pass"), []),
        (ApiConfig(listen="0.0.0.0:9093", username="me"), ["username", "listen"]),
        (ApiConfig(password="pass"), ["username"]),
        (ApiConfig(username="a:b", password="pass"), ["username"]),
        (ApiConfig(bearer_token="a", bearer_token_env="B"), ["bearer_token_env"]),
        (ApiConfig(tls_cert_file="a"), ["tls_cert_file"]),
        (ApiConfig(tls_key_file="a"), ["tls_key_file"]),
    ],
)
def test_an_api_that_everybody_could_use_is_refused(settings: ApiConfig, problems: list[str]) -> None:
    assert [problem.path[-1] for problem in api_problems(settings)] == problems


async def test_the_status_hides_every_secret_and_amtool_can_read_its_configuration() -> None:
    router = {
        "route": {"receiver": "a", "routes": [{"matchers": ['team="x"'], "receiver": "a", "group_wait": 0.05}]},
        "receivers": [
            {
                "name": "a",
                "webhook_configs": [
                    {
                        "url": "https://example.org/s3cret",
                        "http_config": {"basic_auth": {"username": "me", "password": "s3cret"}},
                    },
                    {
                        "url": "https://example.org/",
                        "http_config": {"authorization": {"credentials": "s3cret"}, "proxy_url": "http://u:s3cret@p:1"},
                    },
                ],
            }
        ],
        "global": {"slack_api_url": "https://hooks.slack.com/services/s3cret"},
    }
    async with serving(router) as served:
        _, body = await served.call("GET", "/api/v2/status")

    assert "s3cret" not in str(body) and '"url": "<secret>"' in body["config"]["original"]
    assert "group_wait: 50ms" in body["config"]["original"]
    assert settings_of(router).receivers  # the configuration itself is whole


async def test_another_user_agent_is_not_told_what_serves() -> None:
    async with serving() as served, served.http.get("/-/healthy") as answer:
        assert answer.headers.get("Server") is None
