"""The settings of channels in the configuration: a kind that is handed to the loader is read like any other section."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from driftbell.runtime.config.channels import Model, with_channels
from driftbell.runtime.config.loader import ConfigError, load, show
from driftbell.runtime.config.model import Config
from driftbell.runtime.config.router import ChannelConfig, Receiver, RouterConfig
from driftbell.runtime.config.rules import BadSetting, http_url
from driftbell.runtime.config.secrets import secret_values
from driftbell.runtime.config.section import Secret


class ChatConfig(ChannelConfig, frozen=True):
    """A kind of channel that driftbell does not have."""

    url: Secret | None = None
    colour: str = "red"


def _check(router: RouterConfig) -> Iterator[BadSetting]:
    for index, receiver in enumerate(router.receivers):
        for number, chat in enumerate(getattr(receiver, "chat_configs")):  # noqa: B009 - the type is made at run time
            for wrong in http_url(chat.url, ("url",)):
                yield wrong.below(("receivers", index, "chat_configs", number))


def model() -> Model:
    return with_channels({"chat_configs": ChatConfig}, _check)


def _file(tmp_path: Path, *settings: str) -> Path:
    file = tmp_path / "driftbell.yaml"
    lines = ["router:", "  route: {receiver: r}", "  receivers:", "    - name: r", "      chat_configs:"]
    file.write_text("\n".join([*lines, *(f"        - {one}" for one in settings)]))
    return file


def test_a_kind_that_is_handed_over_is_typed(tmp_path: Path) -> None:
    config = load(_file(tmp_path, "{url: 'https://chat.example/hidden'}"), env={}, model=model())

    (receiver,) = config.router.receivers
    assert receiver == model().receiver(name="r", chat_configs=[ChatConfig(url="https://chat.example/hidden")])  # type: ignore[call-arg]
    assert isinstance(config, Config)
    assert isinstance(receiver, Receiver)


def test_its_secrets_are_known_and_not_shown(tmp_path: Path) -> None:
    config = load(_file(tmp_path, "{url: 'https://chat.example/hidden'}"), env={}, model=model())

    assert secret_values(config, {}) == {"https://chat.example/hidden"}
    assert "hidden" not in show(config)
    assert "hidden" not in repr(config)
    assert "colour: red" in show(config)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("{url: 5}", "driftbell.yaml:6:17: router.receivers[0].chat_configs[0].url: expected text, got a number"),
        (
            "{color: red}",
            "driftbell.yaml:6:12: router.receivers[0].chat_configs[0].color: unknown key; did you mean colour?",
        ),
        ("{url: 'ftp://x'}", "driftbell.yaml:6:17: router.receivers[0].chat_configs[0].url: this is not an http"),
    ],
)
def test_its_mistakes_name_the_line(tmp_path: Path, settings: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(_file(tmp_path, settings), env={}, model=model())

    assert message in str(refusal.value)


def test_without_the_kinds_receivers_are_read_by_name_only(tmp_path: Path) -> None:
    config = load(_file(tmp_path, "{anything: 1}"), env={})

    assert config.router.receivers == [Receiver(name="r")]


def test_receivers_are_shown_by_their_own_type(tmp_path: Path) -> None:
    router = load(_file(tmp_path, "{url: 'https://chat.example/hidden'}"), env={}, model=model()).router

    shown = show(Config(router=router))

    assert "colour: red" in shown
    assert "hidden" not in shown
