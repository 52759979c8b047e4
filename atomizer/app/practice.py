"""The practice venues of this machine: use the ones that run, or start some that end with us.

Only process management lives here; what the venues do is `atomizer.sim`'s business, over sockets like any venue.
The credentials are well-known public test keys that the practice venues have accounts for: worth nothing.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from atomizer.config.mode import Mode, mode_of
from atomizer.config.settings import Settings
from atomizer.errors import AtomizerError, ConfigError

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 5.0

DERIVE_WALLET = "0x8772185a1516f0d61fC1c2524926BfC69F95d698"
DERIVE_SUBACCOUNT = 30769
# Public anvil test key #0: the practice session key of that wallet.
DERIVE_KEY = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
# Public key pair of RFC 8032, test 1: practice Deribit knows its public half as `ed25519_client_id`.
DERIBIT_ED25519_SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
# Public throw-away key of the Rysk signing vectors: the practice maker.
RYSK_KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")


class DeriveEndpoints(msgspec.Struct, frozen=True):
    ws_v2: str
    ws_v3: str
    http: str


class DeribitEndpoints(msgspec.Struct, frozen=True):
    """Addresses, and the public test keys of the practice account."""

    ws: str
    http: str
    client_id: str
    client_secret: str
    ed25519_client_id: str


class RyskEndpoints(msgspec.Struct, frozen=True):
    ws: str
    http: str


class Endpoints(msgspec.Struct, frozen=True):
    """Where the practice venues listen; `session` is new at each start, since each start is a new ledger."""

    session: str
    seed: int
    pid: int
    derive: DeriveEndpoints
    deribit: DeribitEndpoints
    rysk: RyskEndpoints


def endpoints_file(directory: Path) -> Path:
    return directory / "sim" / "endpoints.json"


def find(directory: Path) -> Endpoints | None:
    """The practice venues that run for this state directory, if any."""
    file = endpoints_file(directory)
    try:
        endpoints = msgspec.json.decode(file.read_bytes(), type=Endpoints)
        os.kill(endpoints.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return endpoints


class PracticeVenues:
    """The practice venues as a child process that dies with us; as a context manager, at its end."""

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __init__(self, directory: Path, seed: int | None, cpus: set[int]) -> None:
        self._file = endpoints_file(directory)
        self._seed = seed
        self._cpus = cpus
        self._process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start them; they come up while we do other things."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "atomizer",
            "sim",
            "start",
            "--exit-with-parent",
            "--endpoints",
            str(self._file),
        ]
        if self._seed is not None:
            command += ["--seed", str(self._seed)]
        self._process = start_child(command, self._cpus, stdout=subprocess.PIPE)

    def endpoints(self) -> Endpoints:
        """Wait until everything listens; where.

        Raises:
            AtomizerError: they did not come up.
        """
        line = _first_line(self._process, START_TIMEOUT_S) if self._process is not None else b""
        if not line:
            raise AtomizerError("the practice venues did not start: run `atomizer sim start` to see why")
        return msgspec.json.decode(line, type=Endpoints)

    def stop(self) -> None:
        if self._process is not None:
            stop_child(self._process)
            self._process = None


def start_child(command: list[str], cpus: set[int], stdout: int | None = None) -> subprocess.Popen[bytes]:
    """A helper process on the given CPUs, out of reach of the terminal's Ctrl-C; it ends when our pipe to it closes."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=stdout, start_new_session=True)  # noqa: S603  our own
    if cpus:
        os.sched_setaffinity(process.pid, cpus)
    return process


def stop_child(process: subprocess.Popen[bytes]) -> None:
    """Close its input, ask it to end, insist after a while."""
    if process.stdin is not None:
        process.stdin.close()
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def split_cpus() -> tuple[set[int], set[int]]:
    """(trader's CPU, everybody else's) of the CPUs given to us (taskset); empty sets when there is only one."""
    given = sorted(os.sched_getaffinity(0))
    if len(given) == 1:
        return set(), set()
    return {given[0]}, set(given[1:])


def _first_line(process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
    stream = process.stdout
    if stream is None:
        raise ConfigError("the child's output is not ours to read")
    deadline = time.monotonic() + timeout_s
    line = b""
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([stream], [], [], left)[0]:
            return b""
        chunk = os.read(stream.fileno(), 65536)
        if not chunk:
            return b""
        line += chunk
    return line


@contextmanager
def venues_for(settings: Settings, seed: int | None) -> Iterator[PracticeVenues | None]:
    """Practice venues for one run, coming up; None when the run needs none or finds some running."""
    directory = Path(settings.journal.directory)
    if mode_of(settings) is not Mode.SIM or find(directory) is not None:
        yield None
        return
    with PracticeVenues(directory, seed, split_cpus()[1]) as venues:
        yield venues
