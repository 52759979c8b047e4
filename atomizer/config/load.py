"""Lay flag over environment over config.yaml over default, and remember where each value came from."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from atomizer.config.settings import VARIABLES, Settings
from atomizer.config.units import Amount, Days, NotNegative, Positive, Seconds, Strikes, VenueName, Words
from atomizer.errors import ConfigError

PREFIX = "ATOMIZER__"

Tree = dict[str, Any]

_FLAGS = {"exchange.name": "exchange", "exchange.test_mode": "test"}  # that are called otherwise than their key


class Loaded(msgspec.Struct, frozen=True):
    """Settings, and for each key that somebody set, who did (`flag --x`, `environment X`, `config.yaml`)."""

    settings: Settings
    origin: dict[str, str]


def load(flags: Mapping[str, Any], environment: Mapping[str, str], file: Path | None) -> Loaded:
    """Settings from all layers.

    `flags` maps dotted keys (``risk.max_delta``) to what the command line gave, None when it did not.

    Raises:
        ConfigError: unknown key, wrong type or out of range; names the key, where the value came from and the remedy.
    """
    tree: Tree = {}
    origin: dict[str, str] = {}
    for key, value in _from_file(file).items():
        _set(tree, origin, key, value, str(file))
    for key, (name, value) in _from_environment(environment).items():
        _set(tree, origin, key, value, f"environment {name}")
    for key, value in flags.items():
        if value is not None:
            _set(tree, origin, key, value, f"flag --{_FLAGS.get(key, key.rpartition('.')[2].replace('_', '-'))}")
    _refuse_unknown(Settings, tree, origin, "")
    try:
        settings = msgspec.convert(tree, Settings, strict=False, dec_hook=_decode)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(_explain(str(error), origin)) from None
    return Loaded(settings, origin)


def rows(loaded: Loaded) -> list[tuple[str, str, str]]:
    """(key, value, origin) of every setting, in the order of the settings' definition."""
    return list(_walk(loaded.settings, loaded.origin, ""))


def config_path() -> Path:
    """Where the configuration lies, or would: config.yaml of the working directory."""
    return Path(os.environ.get("ATOMIZER_CONFIG", "config.yaml"))


def default_file() -> Path | None:
    """The configuration, when there is one."""
    file = config_path()
    return file if file.exists() else None


def _walk(node: msgspec.Struct, origin: Mapping[str, str], prefix: str) -> Any:
    for field in node.__struct_fields__:
        value = getattr(node, field)
        key = prefix + field
        if isinstance(value, msgspec.Struct):
            yield from _walk(value, origin, key + ".")
        else:
            text = ",".join(map(str, value)) if isinstance(value, tuple) else "" if value is None else str(value)
            yield key, text, origin.get(key, "default")


def _from_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        tree = yaml.safe_load(file.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from None
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise ConfigError(f"{file}: must hold sections like `risk:`, not {type(tree).__name__}")
    flat: dict[str, Any] = {}
    for section, content in tree.items():
        if isinstance(content, dict):
            flat.update({f"{section}.{key}": value for key, value in content.items()})
        else:
            flat[str(section)] = content
    return flat


def _from_environment(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for name, value in environment.items():
        if name.startswith(PREFIX):
            found[name.removeprefix(PREFIX).lower().replace("__", ".")] = (name, value)
    for name, key in VARIABLES.items():
        if value := environment.get(name, ""):
            found[key] = (name, value)
    return found


def _set(tree: Tree, origin: dict[str, str], key: str, value: Any, where: str) -> None:
    section, _, name = key.partition(".")
    if name:
        branch = tree.setdefault(section, {})
        if not isinstance(branch, dict):
            raise ConfigError(f"{key} ({where}): {section} is set as a single value ({origin[section]})")
        branch[name] = value
    else:
        tree[section] = value
    origin[key] = where


def _refuse_unknown(kind: type[msgspec.Struct], tree: Tree, origin: Mapping[str, str], prefix: str) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if name not in fields:
            near = difflib.get_close_matches(str(name), fields, n=1)
            hint = f"did you mean {prefix}{near[0]}?" if near else f"known: {', '.join(fields)}"
            where = origin.get(key) or next(w for k, w in origin.items() if k.startswith(f"{key}."))
            raise ConfigError(f"unknown key {key} ({where}): {hint}")
        inner = fields[name]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            if not isinstance(value, dict):
                raise ConfigError(f"{key} ({origin[key]}): must be a section with keys, not {value!r}")
            _refuse_unknown(inner, value, origin, f"{key}.")


def _decode(kind: type, value: Any) -> Any:
    if kind in {Seconds, Amount, Positive, NotNegative, Days, Strikes, VenueName, Words}:
        return kind.parse(value)
    raise NotImplementedError(kind)


def _explain(message: str, origin: Mapping[str, str]) -> str:
    """Turn msgspec's ``… - at `$.risk.max_delta` `` into key, origin and complaint."""
    complaint, _, place = message.partition(" - at `$.")
    place = place.rstrip("`")
    key, _, inside = place.partition("[")
    inside = inside.partition("].")[2]  # of a section in a list
    return f"{key}{inside and '.'}{inside} ({origin.get(key, 'default')}): {complaint}" if key else complaint
