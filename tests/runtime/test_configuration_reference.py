"""docs/configuration.md says what the model says."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from driftbell.alerting.channels.registry import MODEL
from driftbell.runtime.config import model as config
from driftbell.runtime.config.loader import load
from driftbell.runtime.config.section import Section
from tests.runtime.configuration_reference import FILE, comments, documented, reference
from tests.services.tls import Certificates

#: Alertmanager's own keys are described by its documentation and in docs/routing.md.
OURS = [
    one
    for one in vars(config).values()
    if isinstance(one, type) and issubclass(one, Section) and one.__module__ == config.__name__
]


def test_the_reference_is_up_to_date() -> None:
    assert documented() == reference(), "run: python3 dev run python -m tests.runtime.configuration_reference"


@pytest.mark.slow
@pytest.mark.parametrize("section", OURS, ids=lambda section: section.__name__)
def test_every_key_says_what_it_means(section: type[Section]) -> None:
    said = comments(section)

    assert {field.name for field in msgspec.structs.fields(section) if not said.get(field.name)} == set()


def test_every_example_in_the_document_is_a_valid_configuration(tmp_path: Path, certificates: Certificates) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", FILE.read_text(encoding="utf-8"), re.DOTALL)
    assert examples
    secret = tmp_path / "secret"
    secret.write_text("x")
    for number, text in enumerate(examples):
        # The examples' files, as files that exist here.
        text_here = re.sub(
            r"_file: /etc/\S+|location: /etc/\S+", lambda m: f"{m[0].split()[0]} {certificates.ca}", text
        )
        text_here = re.sub(r"_file: /run/\S+", f"_file: {secret}", text_here)
        file = tmp_path / f"{number}.yaml"
        file.write_text(text_here)

        assert load(file, env={"HOSTNAME": "worker-0", "REDIS_PASSWORD": "x"}, model=MODEL) != MODEL.config()
