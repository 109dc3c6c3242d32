"""What a file is that no reader takes: why it is left out, and whether it looks like a log."""

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from milepost.histories.decoding.files import BOM

PACKED = (".gz", ".bz2", ".xz", ".zst")
"""Suffixes that say how a file is packed, and not what it is."""

UNTOLD = "no suffix"
"""What files are called together whose names say no kind."""

OF_LOGS = frozenset(
    (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".tfevents", ".wandb", ".log", ".out", ".txt", ".monitor")
)
"""Kinds of files that logs have: one that is empty or is not what its name says is missed."""

OF_TEXT = re.compile(r"^\.(?:log|out|txt|err|stdout|stderr|output|results?|metrics|dat|data|history|o#)$")
"""Kinds of files that text logs are in, beside those that have no suffix."""

PROJECT = re.compile(r"^[A-Z][A-Za-z_-]+$")
"""How files of a project are called that have no suffix: ``Makefile``, ``LICENSE``."""

OF_A_JOB = re.compile(r"\.[oe]\d+$")
"""How schedulers call what a job writes: with its number."""

OF_ROWS = frozenset((".csv", ".tsv", ".jsonl", ".ndjson"))
BINARY = frozenset((".parquet", ".tfevents", ".wandb"))

KINDS: dict[str, str] = {
    "code": (
        "py pyi pyx ipynb c h cc cpp cxx hpp cu cuh rs go js mjs ts tsx jsx java kt scala swift rb php pl lua jl r m "
        "sh bash zsh fish ps1 bat cmd sql proto patch diff gradle cmake mk"
    ),
    "settings": "yaml yml toml ini cfg conf config gin env properties lock editorconfig",
    "document": "md markdown rst tex bib html htm css xml pdf doc docx odt svg",
    "picture, sound or film": "png jpg jpeg gif bmp webp ico tif tiff mp4 avi mov mkv webm wav mp3 flac ogg",
    "weights or arrays": (
        "pt pth ckpt bin safetensors pkl pickle joblib npy npz h5 hdf5 onnx pb msgpack gguf tflite mat index tfrecord "
        "tfrecords arrow feather"
    ),
    "archive": "zip tar tgz tbz2 7z rar whl egg jar",
}
"""Kinds of files that are no logs, by their suffixes."""

_BY_SUFFIX = {f".{suffix}": kind for kind, suffixes in KINDS.items() for suffix in suffixes.split()}

MAGIC = {b"SQLite format 3\0": "database of another program", b"PK\x03\x04": "archive"}

SUFFIX = re.compile(r"\.[a-z][a-z0-9_-]{0,11}$")

STAMP = re.compile(r"^\W*(?:\d{4}[-/]\d\d[-/]\d\d[T ]?)?(?:\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?\S*")
"""The time stamp that a line of a program's own log begins with."""

LETTER = re.compile(r"[A-Za-z]")
NUMBER = re.compile(r"[-+]?\d[\d.,:]*(?:[eE][-+]?\d+)?")

TOLD = re.compile(r"[:,\[]\s*-?\d")
"""A number in JSON that is no text."""

ODD = re.compile("[\x00-\x07\x0e-\x1a\x1c-\x1f\ufffd]")
"""Characters that text has few of."""

ALIKE_LINES = 3
"""So many lines of one shape, whose numbers differ, are a log's."""

PROGRAM_LOG = ("level", "msg")
"""Keys of the lines of a program's own log: of what it does, and not of how training goes."""


class Unread(NamedTuple):
    """What is said of a file that no reader takes.

    Attributes:
        why: In a few words.
        is_log: Whether it looks like a log.
    """

    why: str
    is_log: bool = False


def kind_of(path: str) -> str:
    """Return what files of one kind are called together: the suffix, without one that says how it is packed."""
    name = path.rpartition("/")[2].lower()
    if ".tfevents." in name:
        return ".tfevents"
    for packed in PACKED:
        name = name.removesuffix(packed) or name
    if OF_A_JOB.search(name):
        return ".o#"
    found = SUFFIX.search(name)
    return found[0] if found is not None and found.start() > 0 else UNTOLD


def unread(name: str, head: bytes, end: bytes = b"") -> Unread:
    """Say what a file is that no reader takes.

    Args:
        name: Its name.
        head: Its first bytes, unpacked.
        end: Its last bytes, where that is more: a log may begin with what is none.
    """
    kind = kind_of(name)
    told = _BY_SUFFIX.get(kind)
    if not head.strip():
        return Unread("empty", is_log=kind in OF_LOGS)
    if told is not None:
        return Unread(told)
    for magic, what in MAGIC.items():
        if head.startswith(magic):
            return Unread(what)
    text = _text(head)
    if text is None:
        broken = kind in OF_LOGS
        return Unread("not what its name says" if broken else "binary", is_log=broken)
    if kind in BINARY:
        return Unread("not what its name says", is_log=True)
    stripped = text.lstrip()
    if stripped.startswith("{"):
        return _object(stripped, kind)
    if stripped.startswith("["):
        rows = stripped[1:].lstrip().startswith(("{", "[")) and TOLD.search(stripped) is not None
        if rows or kind == ".json":
            return Unread("one array", is_log=rows)
    if kind == ".json":
        return Unread("no rows")
    if PROJECT.match(name) if kind == UNTOLD else OF_TEXT.match(kind) is None:
        return Unread("text")
    if _tell_numbers(text.splitlines()) or _tell_numbers((_text(end) or "").splitlines()[1:]):
        return Unread("text: --pattern", is_log=True)
    return Unread("text without rows of numbers")


def _object(text: str, kind: str) -> Unread:
    """Say what a file is that begins as an object does."""
    first = text.partition("\n")[0]
    try:
        told = msgspec.json.decode(first)
    except (msgspec.DecodeError, RecursionError):
        told = None
    if isinstance(told, dict) and all(key in told for key in PROGRAM_LOG):
        return Unread("a program's own log")
    return Unread("one object, no rows", is_log=kind in OF_ROWS)


def _text(head: bytes) -> str | None:
    """Return bytes as text; None where they are none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "replace")
    if b"\0" in head:
        return None
    text = head.removeprefix(BOM).decode("utf-8", "replace")
    odd = len(ODD.findall(text))
    return None if odd * 10 > len(text) else text


def _tell_numbers(lines: Iterable[str]) -> bool:
    """Say whether some lines differ in their numbers alone, as those of a log do."""
    numbers: dict[str, set[str]] = defaultdict(set)
    for line in lines:
        told = STAMP.sub("", line, count=1) if line[:1] in "0123456789[(" and ":" in line[:30] else line
        found = NUMBER.findall(told)
        if not found:
            continue
        shape = " ".join(NUMBER.sub("#", told).split())
        if len(found) > 1 or LETTER.search(shape):
            numbers[shape].add(" ".join(found))
            if len(numbers[shape]) >= ALIKE_LINES:
                return True
    return False
