"""Where SkyPilot's public catalogs lie on this machine, and how they are fetched from their public home.

SkyPilot 0.14 keeps them in ``.sky/catalogs/v8/<cloud>/vms.csv``, and the MD5 sum of what it downloaded in
``.sky/catalogs/v8/.meta/<cloud>/vms.csv.md5`` (``sky/catalog/common.py``). A file without that sum, or of another sum,
is its user's own, and never refreshed: so what Milepost fetches lies elsewhere.
"""

import csv
import os
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from platformdirs import user_cache_path

from milepost.errors import ConfigError, PriceUnavailable
from milepost.files import write_whole
from milepost.prices.catalogs.catalog import Catalog, shown

SCHEMA = "v8"
FILE = "vms.csv"

HOME_URL = "https://raw.githubusercontent.com/skypilot-org/skypilot-catalog/master/catalogs"
MIRROR_URL = "https://skypilot-catalog.s3.us-east-1.amazonaws.com/catalogs"
"""``HOSTED_CATALOG_DIR_URL`` and ``HOSTED_CATALOG_DIR_URL_S3_MIRROR`` of ``sky/skylet/constants.py``."""

URL_VARIABLE = "MILEPOST_CATALOG_URL"
"""Names another home of the catalogs; there is no mirror of that one."""

TOUCHED_SECONDS = 60.0
"""SkyPilot writes a file and then its sum: where more lies between, the file was written or touched again since."""


class CatalogFile(NamedTuple):
    """One cloud's catalog on this machine.

    Attributes:
        cloud: The provider's name, in lower case.
        as_of: The date on which it was written, in UTC; of SkyPilot's own, on which it was downloaded.
    """

    cloud: str
    path: Path
    as_of: str | None


class Progress(NamedTuple):
    """How far the fetching of one cloud's catalog is.

    Attributes:
        expected_bytes: What will come in all, where the server tells.
        finished: Whether it is in its place, or has failed.
        fault: Why it failed.
    """

    cloud: str
    done_bytes: int = 0
    expected_bytes: int | None = None
    finished: bool = False
    fault: str | None = None


def skypilot_folder() -> Path:
    """Return where SkyPilot keeps its catalogs."""
    return Path(os.path.expanduser(os.environ.get("SKY_RUNTIME_DIR") or "~"), ".sky", "catalogs", SCHEMA)


def fetched_folder() -> Path:
    """Return where `fetch` puts catalogs."""
    return user_cache_path("milepost", appauthor=False) / "catalogs" / SCHEMA


def find_catalogs() -> dict[str, CatalogFile]:
    """Return the catalogs that lie on this machine, by cloud."""
    clouds = {each.name for folder in (skypilot_folder(), fetched_folder()) for each in folder.glob("[!.]*")}
    found = (find_catalog(cloud) for cloud in sorted(clouds))
    return {each.cloud: each for each in found if each}


def find_catalog(cloud: str) -> CatalogFile | None:
    """Return a cloud's catalog: SkyPilot's where that is its user's own, else the newer of the two."""
    if not _is_name(cloud):
        return None
    fetched, skypilots = fetched_folder() / cloud / FILE, skypilot_folder() / cloud / FILE
    time_fetched, time_skypilots, is_own = _time(fetched), _time(skypilots), False
    if time_skypilots is not None:
        summed = _time(_sum_of(skypilots))
        is_own = summed is None or (
            time_skypilots - summed > TOUCHED_SECONDS
            and not _has_sum(skypilots, _sum_of(skypilots), time_skypilots, summed)
        )
        if not is_own and summed is not None:
            time_skypilots = min(time_skypilots, summed)  # where a refresh fails, SkyPilot touches what it has
    if time_fetched is not None and (time_skypilots is None or (not is_own and time_fetched > time_skypilots)):
        return CatalogFile(cloud, fetched, _date(time_fetched))
    return None if time_skypilots is None else CatalogFile(cloud, skypilots, _date(time_skypilots))


def zone_id(cloud: str, name: str) -> str | None:
    """Return the provider's id of a zone that goes by another name in its user's account, as SkyPilot mapped it.

    None where no ``az_mappings-<account>.csv`` knows it, or those of several accounts differ.
    """
    found: set[str] = set()
    for path in skypilot_folder().joinpath(cloud).glob("az_mappings-*.csv") if _is_name(cloud) else ():
        changed = _time(path)
        mapping = _zones(path, changed) if changed is not None else {}
        found |= {mapping[name]} if name in mapping else set()
    return found.pop() if len(found) == 1 else None


def fetch(
    clouds: Iterable[str] | None = None, *, on_progress: Callable[[Progress], None] = lambda _: None
) -> list[CatalogFile]:
    """Fetch catalogs from their public home, each of them anew. Takes seconds and more.

    What lies there already is replaced by a whole catalog only, and stays where that can't be had. SkyPilot's own files
    are left alone.

    Args:
        clouds: Names of providers; all that the catalog's index (``common/accelerators.csv``) names where not given.
        on_progress: Called as bytes come, and once when a cloud is finished.

    Returns:
        Where they lie now.

    Raises:
        ConfigError: That is no name of a cloud.
        PriceUnavailable: Some could not be fetched; says which and why, after all the others have been.
    """
    wanted = sorted({cloud.lower() for cloud in clouds}) if clouds is not None else hosted_clouds()
    for cloud in wanted:
        if not _is_name(cloud):
            raise ConfigError(f"clouds: found {cloud!r}, expected a provider's name, such as aws")
    faults: dict[str, str] = {}
    for cloud in wanted:
        seen = Progress(cloud)

        def on_bytes(done: int, expected: int | None, cloud: str = cloud) -> None:
            nonlocal seen
            seen = Progress(cloud, done, expected)
            on_progress(seen)

        try:
            _keep(_checked(_download(f"{cloud}/{FILE}", on_bytes), cloud), fetched_folder() / cloud / FILE)
        except PriceUnavailable as error:
            faults[cloud] = str(error)
        on_progress(seen._replace(finished=True, fault=faults.get(cloud)))
    if faults:
        which = "; ".join(f"{cloud}: {fault}" for cloud, fault in faults.items())
        raise PriceUnavailable(f"{len(faults)} of {len(wanted)} catalogs could not be fetched ({which})")
    return [each for cloud in wanted if (each := find_catalog(cloud))]


def hosted_clouds() -> list[str]:
    """Return the clouds that the public home has catalogs of, by its index. Asks it.

    Raises:
        PriceUnavailable: It could not be asked, or the index is none.
    """
    text = _download("common/accelerators.csv", None).decode("utf-8", "replace")
    try:
        rows = list(csv.DictReader(text.splitlines()))
    except csv.Error:
        rows = []
    named = {cloud.lower() for row in rows for cloud in re.findall(r"'([\w-]+)'", row.get("Clouds") or "")}
    if not named:
        raise PriceUnavailable("the catalog's index names no clouds")
    return sorted(named)


def _download(name: str, on_bytes: Callable[[int, int | None], None] | None) -> bytes:
    from milepost.prices.http import download  # imports logging

    own = os.environ.get(URL_VARIABLE)
    faults = []
    for home in (own,) if own else (HOME_URL, MIRROR_URL):
        try:
            return download(f"{home.rstrip('/')}/{SCHEMA}/{name}", on_bytes=on_bytes)
        except PriceUnavailable as error:
            faults.append(str(error))
    raise PriceUnavailable("; ".join(faults))


def _checked(content: bytes, cloud: str) -> bytes:
    """Return what came, with its last line ended; `PriceUnavailable` unless it is a catalog."""
    ended = content if content.endswith(b"\n") else content + b"\n"
    if not any(rows for rows in Catalog(ended, f"what came as catalog of {cloud}").every_type()):
        raise PriceUnavailable(f"what came as catalog of {cloud} has no rows")
    return ended


def _keep(content: bytes, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise PriceUnavailable(f"{shown(path)} can't be written: {error.strerror}") from error


def _is_name(cloud: str) -> bool:
    return re.fullmatch(r"[a-z0-9][a-z0-9_-]*", cloud) is not None and cloud != "common"


def _time(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except (OSError, ValueError):
        return None


def _date(time: float) -> str | None:
    try:
        return datetime.fromtimestamp(time, UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return None  # a time that no calendar has


def _sum_of(path: Path) -> Path:
    return path.parents[1] / ".meta" / path.parent.name / f"{path.name}.md5"


@lru_cache(maxsize=64)
def _has_sum(path: Path, sum_path: Path, written: float, summed: float) -> bool:
    """Say whether a file is what was downloaded; kept in memory for as long as neither file is written."""
    import hashlib  # brings OpenSSL with it

    try:
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == sum_path.read_text().strip()
    except (OSError, ValueError):
        return False


@lru_cache(maxsize=16)
def _zones(path: Path, written: float) -> dict[str, str]:
    """Return zone ids by the account's names for them; empty where the file can't be read."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return {row["AvailabilityZoneName"]: row["AvailabilityZone"] for row in rows}
    except (OSError, ValueError, KeyError, csv.Error):
        return {}
