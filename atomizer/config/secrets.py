"""Private keys: read once from the environment or a file, then gone from there.

A secret comes from its variable, or from the file that ``NAME_FILE`` names (a mounted secret). It never comes from a
flag or from config.yaml, is never logged, and its text is overwritten in this process's environment block, so that it
is no longer in /proc/PID/environ either.
"""

import ctypes
import os
import resource
from collections.abc import Mapping
from pathlib import Path

from atomizer.errors import ConfigError

KEY_BYTES = 32


def take_key(name: str) -> bytearray | None:
    """The 32-byte private key that the environment holds under `name`, None when it holds none.

    The caller owns the bytearray and wipes it when the signer has its copy.

    Raises:
        ConfigError: not 64 hex digits (the value is not repeated).
    """
    text = _take(name)
    if text is None:
        return None
    digits = text.strip().removeprefix("0x")
    try:
        key = bytearray.fromhex(digits)
    except ValueError:
        key = bytearray()
    if len(key) != KEY_BYTES:
        wipe(key)
        raise ConfigError(f"{name}: not a private key: 64 hex digits expected, with or without 0x")
    return key


def take_text(name: str) -> str | None:
    """The secret text that the environment holds under `name`, None when it holds none.

    Text cannot be wiped: keep it only until it is turned into something that does not show it.
    """
    return _take(name)


def has_secret(name: str, environment: Mapping[str, str]) -> bool:
    """Whether `take_key` would find something; takes nothing."""
    return bool(environment.get(name) or environment.get(name + "_FILE"))


def wipe(secret: bytearray) -> None:
    """Overwrite in place."""
    for index in range(len(secret)):
        secret[index] = 0


def forbid_core_dumps() -> None:
    """No core file of this process may ever hold a key."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _take(name: str) -> str | None:
    file = os.environ.get(name + "_FILE")
    if file:
        try:
            return Path(file).read_text()
        except OSError as error:
            raise ConfigError(f"{name}_FILE: {file}: {error.strerror}") from None
    text = os.environ.get(name)
    if text is None:
        return None
    _overwrite(name)
    del os.environ[name]
    return text


def _overwrite(name: str) -> None:
    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_void_p
    address = libc.getenv(name.encode())
    if address:
        ctypes.memset(address, 0, len(ctypes.string_at(address)))
