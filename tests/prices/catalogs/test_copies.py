import hashlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from milepost.errors import ConfigError, PriceUnavailable
from milepost.money.instance import Instance
from milepost.prices import http
from milepost.prices.catalogs import copies
from milepost.prices.catalogs.copies import (
    Progress,
    fetch,
    fetched_folder,
    find_catalog,
    find_catalogs,
    hosted_clouds,
)
from milepost.prices.sources.skypilot import SkyPilotCatalog
from tests.prices.server import Answer, PriceServer, Question, serving

CSV = "InstanceType,Price,Region\nt,{},r\n"
INDEX = "AcceleratorName,Clouds\nA10G,['AWS']\nH100,\"['AWS', 'DO', 'PrimeIntellect', 'nebius']\"\n"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("SKY_RUNTIME_DIR", copies.URL_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http, "LONGEST_WAIT_SECONDS", 0.01)
    return tmp_path


def lay(path: Path, usd: float, written: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(CSV.format(usd))
    os.utime(path, (written, written))
    return path


def skypilots(usd: float, written: float, sum_written: float | None = None, sum_of: float | None = None) -> Path:
    """Lay a catalog where SkyPilot keeps its own, with the sum of a download that asked ``sum_of``."""
    folder = Path.home() / ".sky" / "catalogs" / "v8"
    if sum_written is not None:
        sum_file = folder / ".meta" / "aws" / "vms.csv.md5"
        sum_file.parent.mkdir(parents=True, exist_ok=True)
        sum_file.write_text(hashlib.md5(CSV.format(usd if sum_of is None else sum_of).encode()).hexdigest())
        os.utime(sum_file, (sum_written, sum_written))
    return lay(folder / "aws" / "vms.csv", usd, written)


def fetched(usd: float, written: float) -> Path:
    return lay(fetched_folder() / "aws" / "vms.csv", usd, written)


def price() -> float:
    return SkyPilotCatalog().quote(Instance(instance_type="t", provider="aws")).usd_per_hour


DAY = 86_400.0


class TestWhichCatalog:
    def test_newer_one_wins(self) -> None:
        assert find_catalog("aws") is None
        skypilots(1.0, 10 * DAY, 10 * DAY)
        assert price() == 1.0
        fetched(2.0, 9 * DAY)
        assert price() == 1.0
        fetched(2.0, 11 * DAY)
        assert price() == 2.0
        found = find_catalog("aws")
        assert found is not None
        assert found.as_of == "1970-01-12"

    def test_users_own_wins_whatever_its_age(self) -> None:
        fetched(2.0, 11 * DAY)
        skypilots(1.0, DAY)  # without a sum
        assert price() == 1.0

    def test_one_that_was_changed_after_the_download_is_its_users_own(self) -> None:
        fetched(2.0, 11 * DAY)
        skypilots(1.5, 2 * DAY, DAY, sum_of=1.0)
        assert price() == 1.5
        found = find_catalog("aws")
        assert found is not None
        assert found.as_of == "1970-01-03"

    def test_one_that_was_only_touched_is_as_old_as_its_download(self) -> None:
        skypilots(1.0, 20 * DAY, DAY)  # so does SkyPilot where a refresh fails
        found = find_catalog("aws")
        assert found is not None
        assert found.as_of == "1970-01-02"
        fetched(2.0, 11 * DAY)
        assert price() == 2.0

    def test_time_that_no_calendar_has_is_no_date(self, monkeypatch: pytest.MonkeyPatch) -> None:
        skypilots(1.0, DAY)
        monkeypatch.setattr(copies, "_time", lambda path: 1e18 if path.suffix == ".csv" else None)
        quote = SkyPilotCatalog().quote(Instance(instance_type="t", provider="aws"))
        assert (quote.usd_per_hour, quote.as_of) == (1.0, None)

    def test_every_cloud_with_a_file_is_found(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SKY_RUNTIME_DIR", str(home / "runtime"))
        folder = home / "runtime" / ".sky" / "catalogs" / "v8"
        for cloud in ("aws", "brandnew", "common", ".meta", "Odd Name"):
            lay(folder / cloud / "vms.csv", 1.0, DAY)
        (folder / "kubernetes").mkdir()
        lay(fetched_folder() / "vast" / "vms.csv", 1.0, DAY)
        assert list(find_catalogs()) == ["aws", "brandnew", "vast"]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PriceServer]:
    with serving(lambda _: Answer(200, CSV.format(3.0))) as server:
        monkeypatch.setenv(copies.URL_VARIABLE, f"{server.url}/catalogs/")
        yield server


def leftovers() -> list[str]:
    return sorted(path.name for path in fetched_folder().rglob("*") if path.is_file())


class TestFetch:
    def test_puts_catalogs_into_the_cache_and_leaves_skypilots_alone(self, server: PriceServer) -> None:
        path = skypilots(1.0, DAY, DAY)
        steps: list[Progress] = []
        files = fetch(["AWS", "vast"], on_progress=steps.append)
        assert [file.path for file in files] == [fetched_folder() / cloud / "vms.csv" for cloud in ("aws", "vast")]
        assert [question.path for question in server.asked] == [
            *("/catalogs/v8/aws/vms.csv", "/catalogs/v8/vast/vms.csv")
        ]
        assert path.read_text() == CSV.format(1.0)
        assert leftovers() == ["vms.csv", "vms.csv"]
        assert price() == 3.0
        size = len(CSV.format(3.0))
        assert steps[0] == Progress("aws", size, size)
        assert [step for step in steps if step.finished] == [
            *(Progress("aws", size, size, finished=True), Progress("vast", size, size, finished=True))
        ]

    def test_without_names_fetches_all_that_the_index_names(self, server: PriceServer) -> None:
        server.answer = lambda asked: Answer(200, INDEX if "accelerators" in asked.path else CSV.format(1.0))
        assert [file.cloud for file in fetch()] == ["aws", "do", "nebius", "primeintellect"]
        server.answer = lambda _: Answer(200, "<html>")
        with pytest.raises(PriceUnavailable, match="index names no clouds"):
            hosted_clouds()

    def test_new_prices_are_seen_at_once(self, server: PriceServer) -> None:
        fetch(["aws"])
        assert price() == 3.0
        server.answer = lambda _: Answer(200, CSV.format(4.0))
        fetch(["aws"])
        assert price() == 4.0

    def test_throttling_and_server_errors_pass(self, server: PriceServer) -> None:
        answers = iter([Answer(429, "", {"Retry-After": "1"}), Answer(503), Answer(200, CSV.format(5.0))])
        server.answer = lambda _: next(answers)
        fetch(["aws"])
        assert price() == 5.0

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (Answer(500), "HTTP 500"),
            (Answer(404, "404: Not Found"), "HTTP 404"),
            (Answer(302, "", {"Location": "http://127.0.0.1:9/"}), "HTTP 302"),
            (Answer(200, CSV.format(1.0), {"Content-Length": "4000"}), "RemoteProtocolError"),
            (Answer(200, "<html><body>Sign in</body></html>"), "its header has no column InstanceType"),
            (Answer(200, "InstanceType,Region\nt,r\n"), "its header has no column Price"),
            (Answer(200, "InstanceType,Price,Region\n"), "has no rows"),
            (Answer(200, 'InstanceType,Price,Region\nt,"1,r\n'), "it is no CSV"),
            (Answer(200, b"\x89PNG\xff"), "it is no text in UTF-8"),
            (Answer(200, ""), "its header has no column"),
            (Answer(200, CSV.format(1.0), {"Content-Encoding": "gzip"}), "DecodingError"),
        ],
    )
    def test_what_is_no_whole_catalog_replaces_nothing(self, server: PriceServer, answer: Answer, reason: str) -> None:
        path = fetched(2.0, DAY)
        server.answer = lambda asked: answer if "aws" in asked.path else Answer(200, CSV.format(1.0))
        steps: list[Progress] = []
        with pytest.raises(PriceUnavailable) as error:
            fetch(["aws", "vast"], on_progress=steps.append)
        assert str(error.value).startswith("1 of 2 catalogs could not be fetched (aws: ")
        assert reason in str(error.value)
        assert path.read_text() == CSV.format(2.0)
        assert leftovers() == ["vms.csv", "vms.csv"]  # the other came
        assert [bool(step.fault) for step in steps if step.finished] == [True, False]

    def test_server_that_never_answers_is_given_up(self, server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "TIMEOUT_SECONDS", 0.05)
        server.answer = lambda _: time.sleep(0.3) or Answer(200, CSV.format(1.0))  # type: ignore[func-returns-value]
        with pytest.raises(PriceUnavailable, match="ReadTimeout"):
            fetch(["aws"])
        assert leftovers() == []

    def test_endless_answer_is_cut_off(self, server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(http, "MAX_BYTES", 20)
        with pytest.raises(PriceUnavailable, match="answers with more than 20 bytes"):
            fetch(["aws"])

    def test_last_line_that_lacks_its_end_is_ended(self, server: PriceServer) -> None:
        server.answer = lambda _: Answer(200, CSV.format(6.0).rstrip())
        fetch(["aws"])
        assert price() == 6.0

    def test_folder_that_cannot_be_written(self, server: PriceServer, home: Path) -> None:
        (home / "cache").write_text("a file")
        with pytest.raises(PriceUnavailable, match=r"~/cache/milepost/.*vms.csv can't be written: "):
            fetch(["aws"])

    def test_mirror_is_asked_where_the_public_home_fails(
        self, server: PriceServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(copies.URL_VARIABLE)
        monkeypatch.setattr(copies, "HOME_URL", f"{server.url}/home")
        monkeypatch.setattr(copies, "MIRROR_URL", f"{server.url}/mirror")

        def answer(asked: Question) -> Answer:
            return Answer(429) if asked.path.startswith("/home") else Answer(200, CSV.format(7.0))

        server.answer = answer
        fetch(["aws"])
        assert price() == 7.0
        assert server.asked[-1].path == "/mirror/v8/aws/vms.csv"

    def test_key_in_the_address_is_not_repeated(self, server: PriceServer, monkeypatch: pytest.MonkeyPatch) -> None:
        for address in (
            server.url.replace("//", "//me:hunter2@"),
            "ftp://me:hunter2@x",
            "http://me:hunter2@x:99999999",
        ):
            monkeypatch.setenv(copies.URL_VARIABLE, address)
            server.answer = lambda _: Answer(403)
            with pytest.raises(PriceUnavailable) as error:
                fetch(["aws"])
            assert "hunter2" not in str(error.value)

    @pytest.mark.parametrize("name", ["../aws", "", "a/b", "common"])
    def test_name_that_is_none_is_refused(self, server: PriceServer, name: str) -> None:
        with pytest.raises(ConfigError, match="expected a provider's name"):
            fetch([name])
        assert server.asked == []

    def test_without_httpx_says_what_to_install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "httpx", None)
        monkeypatch.setattr(http, "find_spec", lambda _: None)
        with pytest.raises(PriceUnavailable, match=r"pip install 'milepost\[prices\]'"):
            fetch(["aws"])
