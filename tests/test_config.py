import logging
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from milepost.config import (
    Budget,
    Config,
    environment_from_curriculum,
    get_default_arena_thresholds,
    load_performance_thresholds,
)
from milepost.config_checks import parse_duration
from milepost.errors import ConfigError
from milepost.tracking.thresholds import COMPARISONS, HalfLife, PerformanceThreshold

ROOT = Path(__file__).parents[1]

GIVEN = """\
thresholds:
  - name: "heart_gained_2"
    metric: "env_agent/heart.gained"
    target_value: 2.0
    smoothing_factor: 0.1
aws:
  instance_type: "g5.4xlarge"  # Default fallback
  use_spot: false  # Default fallback
"""

EVERYTHING = """\
thresholds:
  - {name: low_loss, metric: loss, target_value: 0.4, comparison: "<=", half_life: {samples: 5e4}, confirm: 3}
environment_type: arena
instance: {provider: aws, instance_type: p4d.24xlarge, region: us-west-2, zone: null, market: spot, num_nodes: 2,
           share: 1}
prices: {price_per_hour: null, sources: [aws, skypilot, list], discount: 0.1,
         storage: {gb: 500, usd_per_gb_month: 0.08}, network: {egress_gb: 20, usd_per_gb: 0.09}}
billed_from: process
store: .milepost/milepost.db
heartbeat_seconds: 15
sinks: [wandb, tensorboard]
budget: {usd: 50, warn_at: [0.5, 0.8], on_exceed: stop}
alerts: {urls: ["env:ALERT_URL"], on: [achieved, budget, preempted]}
"""


def test_what_is_given_works_as_it_stands() -> None:
    config = Config.loads(GIVEN)
    assert config.thresholds == (get_default_arena_thresholds()[0],)
    assert (config.aws.instance_type, config.aws.use_spot) == ("g5.4xlarge", False)


def test_every_key_of_the_design_is_read() -> None:
    config = Config.loads(EVERYTHING)
    assert config.thresholds[0] == PerformanceThreshold(
        "low_loss", "loss", 0.4, "<=", half_life=HalfLife(samples=50_000.0), confirm=3
    )
    assert (config.instance.market, config.instance.num_nodes, config.instance.share) == ("spot", 2, 1.0)
    assert config.prices != "off"
    assert (config.prices.sources, config.prices.discount) == (("aws", "skypilot", "list"), 0.1)
    assert config.budget == Budget(usd=50.0, warn_at=(0.5, 0.8), on_exceed="stop")
    assert config.alerts is not None
    assert config.alerts.on == ("achieved", "budget", "preempted")  # and not the key True that YAML 1.1 makes of it


@pytest.mark.parametrize("text", [GIVEN, EVERYTHING, "thresholds: []\nprices: off\n"])
def test_round_trip(text: str) -> None:
    config = Config.loads(text)
    assert Config.loads(config.dumps()) == config


@given(
    st.builds(
        PerformanceThreshold,
        name=st.from_regex(r"[A-Za-z0-9_.-]+", fullmatch=True),
        metric=st.text(min_size=1),
        target_value=st.floats(allow_nan=False, allow_infinity=False),
        comparison=st.sampled_from(COMPARISONS),
        half_life=st.none() | st.builds(HalfLife, seconds=st.floats(1e-6, 1e12)),
        bias_correction=st.booleans(),
        confirm=st.integers(1, 10**6),
    )
)
def test_any_threshold_survives_a_round_trip(threshold: PerformanceThreshold) -> None:
    config = Config(thresholds=(threshold,))
    assert Config.loads(config.dumps()) == config


def test_prices_off() -> None:
    assert Config.loads("thresholds: []\nprices: off").prices == "off"


ONE = "thresholds:\n  - {name: a, metric: m, target_value: 1%s}\n"
WRONG = {
    ONE % ", targt: 2": "thresholds[0].targt: found an unknown key; nearest known key: 'target_value'",
    "thresholds:\n  - {name: a, metric: m}": "thresholds[0]: expected the key 'target_value', found none",
    ONE % "x": "thresholds[0].target_value: found '1x', expected a number",
    ONE % ", comparison: '=<'": "found '=<', expected '>=' or '>' or '<=' or '<' or '=='",
    ONE % ", confirm: 0": "thresholds[0].confirm: found 0, expected 1 or more",
    ONE % ", confirm: 1.5": "thresholds[0].confirm: found 1.5, expected a whole number",
    ONE % ", smoothing_factor: 0": "thresholds[0].smoothing_factor: found 0.0, expected above 0 and up to 1",
    ONE % ", tolerance: 1": "thresholds[0].tolerance: found 1.0 with comparison '>='",
    ONE % ", half_life: {samples: 3, seconds: 4}": "thresholds[0].half_life.samples/seconds: found 2 of them",
    ONE % ", half_life: {samples: -3}": "thresholds[0].half_life.samples: found -3.0",
    ONE % ", half_life: {samples: 3}, smoothing_factor: 1": "found both smoothing_factor and half_life",
    ONE.replace("a,", "a b,") % "": "thresholds[0].name: found 'a b'",
    ONE.replace("m,", "'',") % "": "thresholds[0].metric: found ''",
    ONE.replace(": 1", ": .nan") % "": "thresholds[0].target_value: found nan, expected a finite number",
    ONE % "" + "  - {name: a, metric: n, target_value: 1}": "found two named 'a', expected each name once",
    "treshold: []": "treshold: found an unknown key; nearest known key: 'thresholds'",
    "prices: {}": "expected the key 'thresholds', found none",
    "thresholds: 3": "thresholds: found 3, expected a list",
    "thresholds: []\ninstance: {market: spott}": "found 'spott', expected 'on_demand' or 'spot' or 'reserved'",
    "thresholds: []\ninstance: {share: 2}": "instance.share: found 2.0, expected above 0 and up to 1",
    "thresholds: []\ninstance: {num_nodes: 0}": "instance.num_nodes: found 0",
    "thresholds: []\nprices: on": "prices: found True, expected a mapping or 'off'",
    "thresholds: []\nprices: {price_per_hour: -1}": "prices.price_per_hour: found -1.0",
    "thresholds: []\naws: {use_spot: maybe}": "aws.use_spot: found 'maybe', expected true or false",
    "thresholds: []\nheartbeat_seconds: 0": "heartbeat_seconds: found 0.0",
    "thresholds: []\nsamples_per_step: 0": "samples_per_step: found 0, expected a whole number, 1 or more",
    "thresholds: []\nstore: a\nstore: b": "found the key 'store' twice",
    "a: [": "expected YAML",
    "": "found nothing in it, expected a mapping with the key 'thresholds'",
    "# a comment": "found nothing in it",
    "thresholds: []\nbudget: {usd: -5}": "budget.usd: found -5.0, expected a finite number of USD, 0 or above",
    "thresholds: []\nbudget: {usd: .inf}": "budget.usd: found inf",
    "thresholds: []\nbudget: {usd: .nan}": "budget.usd: found nan",
    "thresholds: []\nbudget: {usd: 5, warn_at: [0.5, 80]}": "budget.warn_at: found 80.0, expected parts",
    "thresholds: []\nbudget: {usd: 5, warn_at: [-0.1]}": "budget.warn_at: found -0.1",
    ONE.replace(": 1", ": 010") % "": (
        "found 010, which YAML reads in base 8: expected a number written plainly, as 10, "
        "or text in quotes, as '010' at line 2, column 40"
    ),
    ONE.replace("m,", "2:30,") % "": (
        "found 2:30, which YAML reads in base 60: expected a number written in one unit, "
        "or text in quotes, as '2:30' at line 2, column 23"
    ),
    "thresholds: []\nheartbeat_seconds: 1:30.5": "found 1:30.5, which YAML reads in base 60",
    "thresholds: []\nheartbeat_seconds: -0_17": (
        "found -0_17, which YAML reads in base 8: expected a number written plainly, as -17,"
    ),
    "[1]": "found [1], expected a mapping",
    "!!python/object/apply:os.system ['true']": "expected YAML",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_says_where_what_was_found_and_what_was_expected(text: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_performance_thresholds(file)
    assert str(caught.value).startswith(f"{file}: ")
    assert WRONG[text] in str(caught.value)


def test_no_credential_reaches_an_error() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.loads("thresholds: []\nstore: [postgresql://user:hunter2@host/db]")
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"expected YAML, .* at line 2, column") as caught:
        Config.loads("thresholds: []\nalerts: {urls: [https://hooks.example/hunter2]")
    assert "hunter2" not in str(caught.value)


def repeated(holds: str, alias: str) -> str:
    """YAML of a few hundred bytes whose anchors repeat each other 9 ** 9 times."""
    levels = {level: ", ".join([alias.format(f"a{level - 1}")] * 9) for level in range(1, 10)}
    return "\n".join(
        ["a0: &a0 {x: 1}", *(f"a{level}: &a{level} {holds.format(held)}" for level, held in levels.items())]
    )


def test_key_that_a_merge_brings_may_be_overridden() -> None:
    settings = Config.loads(
        "thresholds:\n- &base {name: a, metric: m, target_value: 1}\n- {<<: *base, name: b}\n"
        "- {name: c, <<: *base, target_value: 2}\n"
    )
    assert [(each.name, each.metric, each.target_value) for each in settings.thresholds] == [
        ("a", "m", 1.0),
        ("b", "m", 1.0),
        ("c", "m", 2.0),
    ]


def test_yaml_made_to_hurt_is_refused() -> None:
    for text, found in (
        ("[" * 100_000, "found lists or mappings nested too deeply"),
        ("thresholds: 2026-13-45", "found a date or a number that cannot be"),
        (repeated("[{}]", "*{}"), "found anchors that repeat each other without end"),
        (repeated("{{<<: [{}]}}", "*{}"), "found anchors that repeat each other without end"),
        ("thresholds: &a [*a]", "found anchors that repeat each other without end"),
    ):
        with pytest.raises(ConfigError, match=found):
            Config.loads(text)


@pytest.mark.parametrize(("written", "value"), [("10", 10), ("0", 0), ("0x10", 16), ("0b11", 3), ("1_000", 1000)])
def test_number_that_is_what_it_looks_like_is_read(written: str, value: int) -> None:
    assert Config.loads(ONE.replace(": 1", f": {written}") % "").thresholds[0].target_value == value


def test_text_in_quotes_is_text_whatever_it_looks_like() -> None:
    first = Config.loads("thresholds: [{name: '010', metric: '2:30', target_value: 1}]")
    assert (first.thresholds[0].name, first.thresholds[0].metric) == ("010", "2:30")
    assert Config.loads(first.dumps()) == first


def test_file_that_its_user_named_has_to_be_there_and_right(tmp_path: Path) -> None:
    (tmp_path / "arena.yaml").write_text(GIVEN)
    with pytest.raises(ConfigError, match=r"arenna\.yaml: expected a readable YAML file.*nearest: .*arena\.yaml"):
        load_performance_thresholds(tmp_path / "arenna.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"thresholds: \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_performance_thresholds(tmp_path / "latin.yaml")
    (tmp_path / "bom.yaml").write_text("\ufeff" + GIVEN)
    assert load_performance_thresholds(tmp_path / "bom.yaml").thresholds


def test_file_found_by_the_environments_name_gives_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "configs" / "performance_thresholds"
    folder.mkdir(parents=True)
    (folder / "maze.yaml").write_text(ONE % "")
    (folder / "broken.yaml").write_text("thresholds: 3")
    assert load_performance_thresholds("/env/mettagrid/maze/small").thresholds[0].name == "a"
    for name in ("nowhere", "broken"):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            config = load_performance_thresholds(name)
        assert list(config.thresholds) == get_default_arena_thresholds()
        assert f"{name}.yaml" in caplog.text
        with pytest.raises(ConfigError):
            load_performance_thresholds(name, strict=True)


def test_the_arenas_file_holds_the_default_thresholds() -> None:
    config = load_performance_thresholds(ROOT / "configs" / "performance_thresholds" / "arena.yaml")
    assert list(config.thresholds) == get_default_arena_thresholds()


@pytest.mark.parametrize(
    ("path", "environment"),
    [
        ("/env/mettagrid/arena/basic_easy_shaped", "arena"),
        ("env/mettagrid/navigation", "navigation"),
        ("/env/maze/small", "maze"),
        ("arena", "arena"),
        ("arena/basic", "arena"),
    ],
)
def test_environment_from_curriculum(path: str, environment: str) -> None:
    assert environment_from_curriculum(path) == environment


@pytest.mark.parametrize("path", ["", "/", "/env/mettagrid", "/env/mettagrid/../etc", "a\nb"])
def test_curriculum_that_names_nothing(path: str) -> None:
    with pytest.raises(ConfigError, match="curriculum"):
        environment_from_curriculum(path)


@pytest.mark.parametrize(("text", "seconds"), [("90m", 5400), ("24h", 86400), ("1h30m", 5400), ("2d", 172800)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text, "gap") == seconds


@pytest.mark.parametrize("text", ["", "90", "1 h", "h", "0s", "-1h", "1w"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        parse_duration(text, "gap")
