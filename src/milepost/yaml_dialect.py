"""YAML as people mean it: keys are text, even ``on``, numbers are what they look like, and no key is given twice."""

import re
from collections.abc import Hashable
from typing import Any

import yaml

from milepost.errors import ConfigError


def read_yaml(text: str, file: str) -> Any:
    """Return what YAML text holds; None where that is nothing.

    Raises:
        ConfigError: It is no YAML, or says what is not what it looks like; ``file`` is what to call it there.
    """
    try:
        return yaml.load(text, _Loader)
    except RecursionError:
        raise ConfigError(f"{file}: found lists or mappings nested too deeply, expected a configuration") from None
    except (yaml.YAMLError, ValueError) as error:
        # Where, and what is wrong with it, but not the line: it may hold the URL of an alert or a store.
        problem = getattr(error, "problem", None) or "found a date or a number that cannot be"
        raise ConfigError(f"{file}: expected YAML, {problem}{place_of(error)}") from None


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

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        self.flatten_mapping(node)
        mapping: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "found a key that is no text", key_node.start_mark)
            key = key_node.value
            if key in mapping:
                problem = f"found the key {key!r} twice, expected it once"
                raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
            mapping[key] = self.construct_object(value_node, deep=deep)
        return mapping


class _Dumper(yaml.SafeDumper):
    """Writes what `_Loader` reads: text that looks like a number is quoted."""


for _tag in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_plain_number)

for _reader_or_writer in (_Loader, _Dumper):
    _reader_or_writer.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+"), list("-+0123456789")
    )
