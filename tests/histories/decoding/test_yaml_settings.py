"""Settings that lie beside logs: anybody may have written them."""

from pathlib import Path

import pytest

from milepost.histories.decoding.yaml_settings import flat, read_settings, yaml_object


def test_settings_are_flat(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("lr: 0.1\noptimizer:\n  betas: [0.9, 0.99]\n  name: adam\n1: true\n")
    assert flat(read_settings(str(tmp_path / "params.yaml"))) == {"lr": 0.1, "optimizer.name": "adam", "1": True}
    assert read_settings(str(tmp_path / "none.yaml")) == {}


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {b: 1}\nc: [" + ", ".join(["*a"] * 9) + "]",
        "a: " + "[" * 20_000,
        "- a list",
        "a: {",
        "a: !!python/object/apply:os.system [true]",
        "a: b\n" * 100_000,
    ],
)
def test_what_may_be_as_large_as_it_likes_is_not_read(
    text: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert yaml_object(text.encode()) == {}
    (tmp_path / "params.yaml").write_text(text)
    assert read_settings(str(tmp_path / "params.yaml")) == {}
