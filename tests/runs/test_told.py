"""What a program says of its run, and what of it is kept."""

from argparse import Namespace
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from milepost.errors import ConfigError
from milepost.runs.settings import flat_config
from milepost.runs.told import as_seed, as_settings, as_tags, as_text
from milepost.text import clean


@dataclass
class Optimizer:
    lr: float = 0.1
    password: str = "geheim"


@dataclass
class Settings:
    seed: int = 3
    optimizer: Optimizer = field(default_factory=Optimizer)


class Unwritable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def test_arguments_are_taken_by_what_they_can_be() -> None:
    assert (as_seed(np.int64(3)), as_seed(True), as_seed(None), as_seed(-(2**63))) == (3, 1, None, -(2**63))
    assert type(as_seed(True)) is int
    assert (as_text("group", 5), as_text("name", Path("a/x")), as_text("name", None)) == ("5", "a/x", None)
    assert (as_tags([1, "b"]), as_tags("ppo"), as_tags(None), as_tags(iter("ab"))) == (
        ("1", "b"),
        ("ppo",),
        (),
        ("a", "b"),
    )
    assert as_text("name", "a\0b\ud800") == "a\ufffdb\ufffd"
    assert as_settings(Namespace(lr=0.1)) == {"lr": 0.1}


@pytest.mark.parametrize("seed", ["abc", 3.5, 2**63, -(2**63) - 1, np.arange(3), Unwritable()])
def test_seed_that_is_none_is_refused_by_name(seed: object) -> None:
    with pytest.raises(ConfigError, match=r"^seed: found"):
        as_seed(seed)


@pytest.mark.parametrize("told", [b"x", ["x"], {"a": 1}, Unwritable()])
def test_what_is_no_text_is_refused_by_name(told: object) -> None:
    with pytest.raises(ConfigError, match=r"^name: found"):
        as_text("name", told)


@pytest.mark.parametrize("told", [5, b"x", {"a": 1}])
def test_what_are_no_tags_is_refused_by_name(told: object) -> None:
    with pytest.raises(ConfigError, match=r"^tags: found"):
        as_tags(told)


@pytest.mark.parametrize("told", [[1], "text", 5, Settings])
def test_what_are_no_settings_is_refused_by_name(told: object) -> None:
    with pytest.raises(ConfigError, match=r"^run_config: found"):
        as_settings(told)


def test_settings_are_flat_and_plain_whatever_they_are() -> None:
    cyclic: dict[str, Any] = {"lr": 0.1}
    cyclic["self"] = cyclic
    cyclic["list"] = [{"layers": 2}, cyclic]
    told = {"a": Settings(), "b": Namespace(c=np.int64(4)), "n": float("nan"), "bad": Unwritable(), "z": cyclic}
    assert flat_config(told) == {
        "a.seed": 3,
        "a.optimizer.lr": 0.1,
        "b.c": 4,
        "n": "nan",
        "z.lr": 0.1,
        "z.list.0.layers": 2,
    }


def test_settings_that_share_parts_many_times_over_are_bounded() -> None:
    level: Any = {"x": 1}
    for _ in range(18):
        level = {"a": level, "b": level, "c": level}
    assert len(flat_config(level)) == 10_000


SECRETS: list[tuple[str, object]] = [
    ("pass", "geheim"),
    ("passphrase", "geheim"),
    ("db.pw", "geheim"),
    ("bearer", "geheim"),
    ("session_cookie", "geheim"),
    ("private", "geheim"),
    ("sentry_dsn", "geheim"),
    ("slack_webhook", "geheim"),
    ("signature", "geheim"),
    ("azure.sas", "geheim"),
    ("credential", "geheim"),
    ("gcp_credentials_json", "geheim"),
    ("privateKey", "geheim"),
    ("WANDB_API_KEY", "geheim"),
    ("secret_access_key", "geheim"),
    ("pem", "-----BEGIN OPENSSH PRIVATE KEY-----\ngeheim"),
    ("conn", "host=db user=me password=geheim"),
    ("store", "postgresql://u:ge@heim@db/runs"),
    ("url", "https://host/x?sv=1&sig=geheim"),
    ("link", "https://bucket/x?X-Amz-Signature=geheim"),
    ("cdn", "https://host/x?Expires=1&Signature=geheim&Key-Pair-Id=K"),
    ("command", "train.py --api-key geheim --lr 0.1"),
    ("azure", "DefaultEndpointsProtocol=https;AccountKey=geheim=="),
    ("header", "Authorization: Bearer geheim1234567"),
    ("hub", "hf_geheimgeheimgeheim"),
    ("git", "ghp_geheimgeheimgeheimgeheim"),
    ("openai", "sk-proj-geheimgeheimgeheimgeheim"),
    ("aws", "AKIAGEHEIMGEHEIM1234"),
    ("jwt_like", "eyJhbGciOiJIUzI1NiJ9.eyJnZWhlaW0iOjF9.geheim"),
    ("env", [{"name": "WANDB_API_KEY", "value": "geheim"}]),
    ("headers", {"X-Auth": "geheim", "Cookie": "geheim"}),
    ("hook", "https://hooks.slack.com/services/geheim"),
]


@pytest.mark.parametrize(("name", "value"), SECRETS, ids=[name for name, _ in SECRETS])
def test_no_secret_is_kept(name: str, value: object) -> None:
    assert "geheim" not in str(flat_config({name: value, "lr": 0.1})).lower().replace("ge@heim", "geheim")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 5),
        ("schedule", "basic cosine"),
        ("bypass", "none"),
        ("keyboard", "us"),
        ("tokenizer", "bpe=32k"),
        ("mask", "a-long-name-of-a-data-set-with-dashes"),
        ("repo", "git+https://github.com/x/y@main"),
        ("server", "https://host:8080/a@b"),
    ],
)
def test_what_is_no_secret_is_kept(name: str, value: object) -> None:
    assert flat_config({name: value}) == {name: value}


@given(st.text(st.characters(codec=None), max_size=20))
def test_cleaned_text_can_be_written_everywhere_and_other_text_stays(text: str) -> None:
    cleaned = clean(text)
    assert "\0" not in cleaned
    cleaned.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert cleaned == text.replace("\0", "\ufffd")
