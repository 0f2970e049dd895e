"""The configuration file: what is read, and that every mistake names its line and its fix."""

from __future__ import annotations

import resource
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from driftbell.alerting.channels.registry import MODEL
from driftbell.runtime.config.loader import ConfigError, find, load, show
from driftbell.runtime.config.model import Config, Reference


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _load(text: str, **env: str) -> Config:
    Path("driftbell.yaml").write_text(textwrap.dedent(text))
    return load(env=env, model=MODEL)


def _errors(text: str, **env: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(text, **env)
    assert str(caught.value) == "\n".join(map(str, caught.value.problems))
    return str(caught.value).splitlines()


def test_nothing_at_all_is_all_defaults(folder: Path) -> None:
    assert load(env={}) == Config()


@pytest.mark.parametrize("text", ["", "# nothing\n", "worker:\n", "worker: {}\nmodels:\nkafka: {}\n"])
def test_empty_files_and_sections_are_all_defaults(folder: Path, text: str) -> None:
    assert _load(text).worker == Config().worker


def test_the_file_is_the_given_one_else_the_variables_else_the_working_directorys(folder: Path) -> None:
    assert find(env={}) is None
    (folder / "driftbell.yaml").touch()
    assert find(env={}) == Path("driftbell.yaml")
    assert find(env={"DRIFTBELL_CONFIG": "b.yaml"}) == Path("b.yaml")
    assert find("a.yaml", env={"DRIFTBELL_CONFIG": "b.yaml"}) == Path("a.yaml")


def test_a_file_that_was_asked_for_must_exist(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"^absent\.yaml: there is no such file$"):
        load("absent.yaml", env={})


def test_values_are_read_as_people_write_them(folder: Path) -> None:
    config = _load(
        """
        kafka:
          bootstrap.servers: kafka-1:9092,kafka-2:9092
          socket.keepalive.enable: true
        worker: {tick: 2, checkpoint_interval: 500ms, instance_id: 12:30, batch_events: 2e3, http_port: null}
        join:
          horizon: 1h30m
        monitoring:
          positive_class: no
          monitors:
            silence: {for: 5m, enabled: off, options: {factor: 3}}
        redis: {cluster: yes}
        """
    )

    assert config.kafka["socket.keepalive.enable"] is True
    assert (config.worker.tick, config.worker.checkpoint_interval) == (2.0, 0.5)
    assert (config.worker.instance_id, config.worker.batch_events, config.worker.http_port) == ("12:30", 2000, None)
    assert config.join.horizon == 5400
    assert config.monitoring.positive_class == "no"
    silence = config.monitoring.monitors["silence"]
    assert (silence.for_, silence.enabled, silence.options) == (300.0, False, {"factor": 3})
    assert config.redis.cluster is True


def test_anchors_and_merge_keys_work(folder: Path) -> None:
    config = _load(
        """
        models:
          a: &usual {metrics_window: 5m, task: regression}
          b: {<<: *usual, metrics_window: 10m}
          c: *usual
        """
    )

    assert [config.monitoring_for(name).metrics_window for name in "abc"] == [300, 600, 300]
    assert config.monitoring_for("b").task == "regression"


def test_a_models_overrides_are_laid_over_the_defaults_key_by_key(folder: Path) -> None:
    config = _load(
        """
        monitoring:
          reference: {events: 100, bins: 8}
        models:
          fraud:
            metrics_window: 5m
            reference: {events: 200}
        """
    )

    assert config.monitoring_for("fraud").reference == Reference(events=200, bins=8)
    assert config.monitoring_for("fraud").metrics_window == 300
    assert config.monitoring_for("other").reference == Reference(events=100, bins=8)


MISTAKES = """\
worker:
  tik: 2s
  tick: 5x
  batch_events: "12"
  horizon: 3d
  read_committed: maybe
  partitions: 0
redis:
  sentinels: a:1
  password: 123
monitoring:
  task: clasification
  monitors:
    drift: {severity: crit, for: [1d]}
models:
  fraud:
    reference: {evnts: 4}
topics:
  partitions: 0
"""


def test_every_mistake_is_told_at_once_with_line_column_path_and_fix(folder: Path) -> None:
    assert _errors(MISTAKES) == [
        "driftbell.yaml:2:3: worker.tik: unknown key; did you mean tick?",
        "driftbell.yaml:3:9: worker.tick: '5x' is not a duration: write 30s, 5m, 1h30m or 7d",
        "driftbell.yaml:4:17: worker.batch_events: expected a whole number, got '12'",
        "driftbell.yaml:5:3: worker.horizon: unknown key; it belongs to join",
        "driftbell.yaml:6:19: worker.read_committed: expected true or false, got 'maybe'",
        "driftbell.yaml:7:3: worker.partitions: unknown key; it belongs to topics",
        "driftbell.yaml:9:14: redis.sentinels: expected a list, got text: put it in [ and ]",
        "driftbell.yaml:10:13: redis.password: expected text, got a number: put it in quotes",
        "driftbell.yaml:12:9: monitoring.task: expected one of auto, classification, regression, got 'clasification'; "
        "did you mean classification?",
        "driftbell.yaml:14:23: monitoring.monitors.drift.severity: expected one of critical, info, warning, got 'crit'; "
        "did you mean critical?",
        "driftbell.yaml:14:34: monitoring.monitors.drift.for: expected a duration such as 30s, 5m or 7d, got a list",
        "driftbell.yaml:17:17: models.fraud.reference.evnts: unknown key; did you mean events?",
        "driftbell.yaml:19:15: topics.partitions: expected a whole number from 1 to 1000000, got 0",
    ]


@pytest.mark.parametrize(
    ("section", "key", "value", "error"),
    [
        ("worker", "max_consecutive_dead_letters", "-1", "expected a whole number from 0 to 1000000000000, got -1"),
        (
            "worker",
            "batch_events",
            "100000000000000000000",
            "expected a whole number from 1 to 1000000000000, got 100000000000000000000",
        ),
        ("worker", "max_record_bytes", "3000000000", "expected a whole number from 1 to 2147483647, got 3000000000"),
        ("worker", "tick", "9999999999999999999y", "'9999999999999999999y' is too long: a duration is at most 100y"),
        ("join", "slots", "100000", "expected a whole number from 1 to 1000, got 100000"),
        ("monitoring", "shards", "1000000000", "expected a whole number from 1 to 1000000, got 1000000000"),
        ("topics", "partitions", "1000000000", "expected a whole number from 1 to 1000000, got 1000000000"),
        ("router", "session_timeout", "1000y", "'1000y' is too long: a duration is at most 100y"),
    ],
)
def test_a_number_that_nobody_means_is_refused_with_its_bound(
    folder: Path, section: str, key: str, value: str, error: str
) -> None:
    indent = len(key) + 5
    assert _errors(f"{section}:\n  {key}: {value}\n") == [f"driftbell.yaml:2:{indent}: {section}.{key}: {error}"]


def test_bins_that_no_memory_holds_are_refused_also_for_one_model(folder: Path) -> None:
    assert _errors("models:\n  fraud:\n    reference: {bins: 1000000000}\n") == [
        "driftbell.yaml:3:23: models.fraud.reference.bins: expected a whole number from 1 to 1000, got 1000000000"
    ]


def _receiver(channel: str) -> str:
    return f"router: {{route: {{receiver: r}}, receivers: [{{name: r, {channel}}}]}}"


@pytest.mark.parametrize(
    "text",
    [
        "s3cr3t",
        "redis: redis://:s3cr3t@cache",
        "redis: {password: [s3cr3t]}",
        "redis: {password: *s3cr3t}",
        "redis: {password: !s3cr3t x}",
        "redis: {password: 5317008}",
        "redis: {sentinels: s3cr3t}",
        "kafka: sasl.password=s3cr3t",
        "kafka: {sasl.password: {s: s3cr3t}}",
        "router: s3cr3t",
        "router: {global: {smtp_auth_password: 5317008}}",
        "router: {global: {resolve_timeout: s3cr3t}}",
        "router: {slack_app: s3cr3t, pagerduty_webhook: s3cr3t, heartbeat: 'https://up/s3cr3t'}",
        "router: {heartbeat: {url: 'https://up/', every: s3cr3t}}",
        "router: {receivers: s3cr3t}",
        "router: {receivers: [s3cr3t]}",
        _receiver("pagerduty_configs: s3cr3t"),
        _receiver("pagerduty_configs: [s3cr3t]"),
        _receiver("pagerduty_configs: [{routing_key: 5317008}]"),
        _receiver("webhook_configs: ['https://hook/s3cr3t']"),
        _receiver("webhook_configs: [{url: 'https://hook/', send_resolved: s3cr3t}]"),
        _receiver("webhook_configs: [{url: 'https://hook/', http_config: Bearer s3cr3t}]"),
        _receiver("webhook_configs: [{url: 'https://hook/', http_config: {authorization: Bearer s3cr3t}}]"),
        _receiver("webhook_configs: [{url: 'https://hook/', http_config: {basic_auth: 'u:s3cr3t'}}]"),
        _receiver("webhook_configs: [{url: 'https://hook/', http_config: {http_headers: {X-Token: s3cr3t}}}]"),
    ],
)
def test_a_mistake_where_a_secret_may_stand_does_not_repeat_it(folder: Path, text: str) -> None:
    said = "\n".join(_errors(text))
    assert said
    assert "s3cr3t" not in said
    assert "5317008" not in said


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("a: [", "driftbell.yaml:1:5: not YAML: expected the node content, but found '<stream end>'"),
        ("worker:\n\ttick: 1", "driftbell.yaml:2:1: not YAML: found character '\\t' that cannot start any token"),
        ("- 1\n- 2\n", "driftbell.yaml:1:1: expected keys with values, got a list"),
        ("worker: 5s", "driftbell.yaml:1:9: worker: expected keys with values, got '5s'"),
        ("a: 1\n---\nb: 2", "driftbell.yaml:2:1: not YAML: but found another document"),
        (
            "worker:\n  tick: 1s\n  group: g\n  tick: 2s\n",
            "driftbell.yaml:4:3: worker.tick: the key is there already, in line 2: remove one",
        ),
        ("worker: !!python/object:os.system {}\n", None),
        ("worker: &a\n  group: *a\n", "driftbell.yaml:1:9: worker.group: an alias inside the very thing it names"),
        ("? [a, b]\n: 1\n", "driftbell.yaml:1:3: a key must be text"),
        (
            "worker: {group: !secret x}",
            "driftbell.yaml:1:17: worker.group: begins with !, which YAML takes for a tag: put it in quotes",
        ),
        (
            "worker:\n  group: a\x07b\n",
            "driftbell.yaml:2:11: not YAML: the control character '\\x07'; write it as an escape, in double quotes",
        ),
        (
            "redis: {password: *s3cr3t}",
            "driftbell.yaml:1:19: not YAML: found undefined alias; put a value that begins with *, & or ! in quotes",
        ),
    ],
)
def test_text_that_is_no_configuration_is_refused_where_it_stands(folder: Path, text: str, error: str | None) -> None:
    if error is None:
        # A Python tag makes nothing: the node is read as the plain mapping that it is.
        assert _load(text) == MODEL.config()
    else:
        assert _errors(text) == [error]


def test_variables_are_put_in_and_typed_by_their_place(folder: Path) -> None:
    config = _load(
        """
        worker:
          http_port: ${PORT}
          tick: ${TICK:-3s}
          instance_id: "${HOST}-0"
        redis: {password: "${SECRET}"}
        monitoring: {runbook_url: "$${kept}"}
        """,
        PORT="80",
        HOST="pod",
        SECRET="12345",
    )

    assert (config.worker.http_port, config.worker.tick, config.worker.instance_id) == (80, 3.0, "pod-0")
    assert config.redis.password == "12345"
    assert config.monitoring.runbook_url == "${kept}"


def test_a_variable_that_is_not_set_is_named(folder: Path) -> None:
    assert _errors("worker:\n  group: ${NOBODY_SET_THIS}\n") == [
        "driftbell.yaml:2:10: worker.group: the environment variable NOBODY_SET_THIS is not set: set it, or write "
        "${NOBODY_SET_THIS:-text}"
    ]


def test_the_environment_overrides_single_keys(folder: Path) -> None:
    config = _load(
        """
        worker: {tick: 1s}
        models:
          Fraud-EU: {metrics_window: 1m}
        monitoring:
          monitors: {feature_drift: {enabled: true}}
        """,
        DRIFTBELL_WORKER__TICK="2s",
        DRIFTBELL_WORKER__HTTP_PORT="null",
        DRIFTBELL_KAFKA__BOOTSTRAP_SERVERS="kafka:9092",
        DRIFTBELL_REDIS__SENTINELS="a:1, b:2",
        DRIFTBELL_REDIS__SENTINEL_SERVICE="primary",
        DRIFTBELL_REDIS__CLUSTER="false",
        DRIFTBELL_MODELS__FRAUD_EU__METRICS_WINDOW="5m",
        DRIFTBELL_MONITORING__MONITORS__FEATURE_DRIFT__ENABLED="no",
        DRIFTBELL_MONITORING__LABELS="{team: risk}",
        DRIFTBELL_TEST_KAFKA_LIB="not a key: of the tests",
        PATH="/bin",
    )

    assert (config.worker.tick, config.worker.http_port) == (2.0, None)
    assert config.kafka["bootstrap.servers"] == "kafka:9092"
    assert config.redis.sentinels == ["a:1", "b:2"]
    assert config.monitoring_for("Fraud-EU").metrics_window == 300
    assert config.monitoring.monitors["feature_drift"].enabled is False
    assert config.monitoring.labels == {"team": "risk"}


def test_a_secret_of_kafka_may_come_from_a_file_named_by_the_environment(folder: Path) -> None:
    (folder / "secret").write_text("s")
    config = _load("", DRIFTBELL_KAFKA__SASL_PASSWORD_FILE="secret", DRIFTBELL_KAFKA__BOOTSTRAP_SERVERS="a:1")

    assert config.kafka["sasl.password_file"] == "secret"


def test_a_mistake_in_a_variable_names_the_variable(folder: Path) -> None:
    assert _errors("", DRIFTBELL_WORKER__TIK="1", DRIFTBELL_WORKER__TICK="soon", DRIFTBELL_WORKR__TICK="1") == [
        "environment variable DRIFTBELL_WORKER__TICK: worker.tick: 'soon' is not a duration: write 30s, 5m, 1h30m or 7d",
        "environment variable DRIFTBELL_WORKER__TIK: worker.tik: unknown key; did you mean tick?",
        "environment variable DRIFTBELL_WORKR__TICK: workr: unknown key; did you mean worker?",
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (
            "kafka:\n  bootstrap.server: a:1\n",
            'driftbell.yaml:2:21: kafka.bootstrap.server: No such configuration property: "bootstrap.server"; '
            "did you mean bootstrap.servers?",
        ),
        ("redis: {url: http://x}", "driftbell.yaml:1:14: redis.url: redis.url starts with 'http'; it may start with"),
        ("redis:\n  password_file: absent\n", "driftbell.yaml:2:18: redis.password_file: there is no file 'absent'"),
        ("topics: {metrics: alerts}", "driftbell.yaml:1:19: topics.metrics: 'alerts' is the name of topics.alerts too"),
        ("topics: {alerts: 'a b'}", "driftbell.yaml:1:18: topics.alerts: 'a b' is no topic name"),
        ("worker: {http_port: 70000}", "driftbell.yaml:1:21: worker.http_port: a port is a number"),
        ("worker: {tick: 0s}", "driftbell.yaml:1:16: worker.tick: tick cannot be zero"),
        (
            "router:\n  route:\n    receiver: nobody\n  receivers: [{name: somebody}]\n",
            "driftbell.yaml:3:15: router.route.receiver: receiver 'nobody' is not defined; use one of: somebody",
        ),
    ],
)
def test_what_types_cannot_say_is_checked_too(folder: Path, text: str, error: str) -> None:
    (found,) = _errors(text)

    assert found.startswith(error)


def test_other_rooms_add_checks_of_their_own(folder: Path) -> None:
    def no_drift(config: Config) -> Iterator[tuple[tuple[str | int, ...] | str, str]]:
        for name in config.monitoring.monitors:
            yield ("monitoring", "monitors", name), f"no monitor has the name {name}"
        yield "worker.group", "also as dotted text"

    Path("driftbell.yaml").write_text("monitoring:\n  monitors:\n    drfit: {}\n")
    with pytest.raises(ConfigError) as caught:
        load(env={}, checks=[no_drift])

    assert str(caught.value).splitlines() == [
        "driftbell.yaml:1:1: worker.group: also as dotted text",
        "driftbell.yaml:3:12: monitoring.monitors.drfit: no monitor has the name drfit",
    ]


def test_what_is_shown_loads_again_and_hides_secrets(folder: Path) -> None:
    config = _load(
        """
        kafka: {bootstrap.servers: "a:1", sasl.username: u, sasl.password: hidden-1}
        redis: {url: "redis://u:hidden-2@h:1/0", password: hidden-3}
        models: {fraud: {metrics_window: 90s, monitors: {silence: {for: 2m}}}}
        router:
          global: {smtp_auth_password: hidden-4}
          route: {receiver: r, group_wait: 10s}
          receivers: [{name: r, slack_configs: [{api_url: "https://hooks.example/hidden-5"}]}]
        """
    )

    assert "hidden" not in show(config)
    assert show(config).count("<secret>") == 5
    assert "metrics_window: 1m30s" in show(config)
    assert _load(show(config, secrets=True)) == config


def test_the_defaults_that_are_shown_load_again(folder: Path) -> None:
    assert _load(show(MODEL.config())) == MODEL.config()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
            "aliases make more than 100,000 values of this file: use fewer",
        ),
        (
            "a0: &a0 {x: 1}\n"
            + "".join(f"a{n}: &a{n}\n  <<: [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)),
            "aliases make more than 100,000 values of this file: use fewer",
        ),
        ("[" * 20_000, "values are nested more than 100 deep"),
        ("- " * 20_000 + "1", "values are nested more than 100 deep"),
        ("a: &a {<<: {<<: *a}}", "<< must name a mapping"),
        ("worker: {tick: " + "1" * 5000 + "}", "worker.tick"),
    ],
    ids=["aliases", "merges", "brackets", "dashes", "merged into itself", "digits"],
)
def test_a_file_that_would_take_all_memory_or_the_stack_is_refused_at_its_line(
    folder: Path, text: str, message: str
) -> None:
    started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert message in "\n".join(_errors(text))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - started < 200_000, "kilobytes"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("DRIFTBELL_WORKER_TICK", "DRIFTBELL_WORKER__TICK"),
        ("DRIFTBELL_WORKER_HTTP_PORT", "DRIFTBELL_WORKER__HTTP_PORT"),
        ("DRIFTBELL_KAFKA_BOOTSTRAP_SERVERS", "DRIFTBELL_KAFKA__BOOTSTRAP_SERVERS"),
        ("DRIFTBELL_KAFKA_BOOTSTRAP_SERVRS", "DRIFTBELL_KAFKA__BOOTSTRAP_SERVERS"),
        ("DRIFTBELL_KAFKA_SASL_PASSWORD_FILE", "DRIFTBELL_KAFKA__SASL_PASSWORD_FILE"),
        ("DRIFTBELL_KAFKA_SSL_CA_LOCATION", "DRIFTBELL_KAFKA__SSL_CA_LOCATION"),
        ("DRIFTBELL_REDIS_URL", "DRIFTBELL_REDIS__URL"),
        ("driftbell_redis__url", "DRIFTBELL_REDIS__URL"),
        ("DRIFTBEL_REDIS__URL", "DRIFTBELL_REDIS__URL"),
        ("DRIFTBELLL_WORKER__GROUP", "DRIFTBELL_WORKER__GROUP"),
    ],
)
def test_a_variable_that_was_meant_for_a_setting_is_never_silent(folder: Path, name: str, meant: str) -> None:
    told = f"environment variable {name}: no setting is read from it; did you mean {meant}?"

    assert _errors("", **{name: "x"}) == [told]
    # And it hides no other mistake.
    assert len(_errors("worker: {tick: soon}", **{name: "x"})) == 2


def test_a_variable_that_only_begins_as_ours_is_told_and_nothing_is_guessed(folder: Path) -> None:
    told: list[str] = []

    load(
        env={"DRIFTBELL_VERSION": "1", "DRIFTBELL_SLACK_TOKEN": "x", "DRIFT_REDIS_URL": "x"},
        model=MODEL,
        warn=told.append,
    )

    assert [line.split(" is read by nothing")[0] for line in told] == [
        "the environment variable DRIFTBELL_SLACK_TOKEN", "the environment variable DRIFTBELL_VERSION",
    ]  # fmt: skip


def test_variables_that_are_read_or_that_kubernetes_sets_are_not_told(folder: Path) -> None:
    Path("driftbell.yaml").write_text(
        "redis: {password: '${DRIFTBELL_REDIS_PASSWORD}', url: '${DRIFTBELL_REDIS_URL:-redis://redis:6379/0}'}\n"
        "router:\n  route: {receiver: us}\n  receivers:\n  - name: us\n"
        "    slack_configs: [{channel: c, bot_token_env: DRIFTBELL_SLACK_TOKEN}]\n"
    )
    told: list[str] = []
    links = {
        "DRIFTBELL_WORKER_PORT": "tcp://10.0.0.1:8081", "DRIFTBELL_WORKER_HTTP_PORT": "tcp://10.0.0.1:8081",
        "DRIFTBELL_WORKER_PORT_8081_TCP_PORT": "8081", "DRIFTBELL_WORKER_SERVICE_HOST": "10.0.0.1",
        "DRIFTBELL_WORKER_SERVICE_PORT_HTTP": "8081",
    }  # fmt: skip
    ours = {"DRIFTBELL_REDIS_PASSWORD": "p", "DRIFTBELL_REDIS_URL": "redis://a:1/0", "DRIFTBELL_SLACK_TOKEN": "t"}

    load(env={**links, **ours, "DRIFTBELL_CRASH_AT": "saved:1"}, model=MODEL, with_environment=False, warn=told.append)

    assert told == []
