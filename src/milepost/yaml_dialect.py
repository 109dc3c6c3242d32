"""YAML as people mean it: keys are text, even ``on``, numbers are what they look like, and no key is given twice."""

import math
import re
from collections.abc import Hashable
from typing import Any

import yaml

from milepost.errors import ConfigError

MOST_NODES = 100_000
"""Values of a configuration, those counted each time that an anchor repeats."""


def read_yaml(text: str, file: str) -> Any:
    """Return what YAML text holds; None where that is nothing.

    Raises:
        ConfigError: It is no YAML, or says what is not what it looks like; ``file`` is what to call it there.
    """
    loader = _Loader(text)
    try:
        document = loader.get_single_node()
        if document is None:
            return None
        if _size(document, {}) <= MOST_NODES:
            return loader.construct_document(document)
    except RecursionError:
        raise ConfigError(f"{file}: found lists or mappings nested too deeply, expected a configuration") from None
    except (yaml.YAMLError, ValueError) as error:
        # Where, and what is wrong with it, but not the line: it may hold the URL of an alert or a store.
        problem = getattr(error, "problem", None) or "found a date or a number that cannot be"
        raise ConfigError(f"{file}: expected YAML, {problem}{place_of(error)}") from None
    finally:
        loader.dispose()
    raise ConfigError(f"{file}: found anchors that repeat each other without end, expected a configuration")


def _size(node: yaml.Node, known: dict[int, float]) -> float:
    """Return how many values a node stands for, each that an anchor repeats counted each time; of itself, endless."""
    if (size := known.get(id(node))) is not None:
        return size
    known[id(node)] = math.inf
    parts = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    known[id(node)] = size = 1 + (0 if isinstance(node, yaml.ScalarNode) else sum(_size(each, known) for each in parts))
    return size


def place_of(error: Exception) -> str:
    """Say where in its text a fault of YAML is, as far as that is known: `` at line 2, column 3``."""
    mark = getattr(error, "problem_mark", None)
    return f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""


def write_yaml(data: Any) -> str:
    """Return YAML text that `read_yaml` reads back to equal data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False)


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: keys are text, even ``on``; ``1e6`` is a number; a key given twice is an error.

    So is what YAML 1.1 silently takes for another number than it looks: ``010`` for 8, ``2:30`` for 150
    (https://yaml.org/type/int.html, https://yaml.org/type/float.html).
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._flat: set[int] = set()

    def construct_plain_number(self, node: yaml.ScalarNode) -> int | float:
        """Return a number that is what it looks like, such as 10, 0x10 or 1.5."""
        digits = node.value.lstrip("+-")
        base = "60" if ":" in digits else "8" if re.fullmatch(r"0[0-7_]+", digits) else None
        if base is not None:
            plain = ("-" if node.value.startswith("-") else "") + (digits.replace("_", "").lstrip("0") or "0")
            hint = "in one unit" if base == "60" else f"plainly, as {plain}"
            problem = (
                f"found {node.value}, which YAML reads in base {base}: "
                f"expected a number written {hint}, or text in quotes, as {node.value!r}"
            )
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        is_whole = node.tag == "tag:yaml.org,2002:int"
        return self.construct_yaml_int(node) if is_whole else self.construct_yaml_float(node)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put the pairs of merge keys before a mapping's own, which override them: no key of its own is there twice."""
        if id(node) in self._flat:  # an anchor's, which others merge
            return
        self._flat.add(id(node))
        own = set[str]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "found a key that is no text", key.start_mark)
            if key.value in own:
                problem = f"found the key {key.value!r} twice, expected it once"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            own.add(key.value)
        super().flatten_mapping(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads: text that looks like a number is quoted."""


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_plain_number)

for _reader_or_writer in (_Loader, _Dumper):
    _reader_or_writer.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
    )
