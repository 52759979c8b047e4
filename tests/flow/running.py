"""Starts the real commands in a directory of their own, as an operator would, and looks at the venues' own ledgers."""

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TICKER_S = 1.5
COMMAND = [sys.executable, "-m", "atomizer"]


def trader(directory: Path, *flags: str, **environment: str) -> subprocess.Popen:
    """`atomizer rfq-responder` with these flags and nothing else in its environment."""
    return subprocess.Popen(
        [*COMMAND, "rfq-responder", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        env=environment,
    )


class Desk:
    """A working directory with practice venues that run in it."""

    def __init__(self, directory: Path, *, seed: int = 1, rfq_interval: str = "400ms") -> None:
        self.directory = directory
        file = directory / "state" / "sim" / "endpoints.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        self._venues = subprocess.Popen(
            [*COMMAND, "sim", "start", "--seed", str(seed), "--rfq-interval", rfq_interval, "--endpoints", str(file)],
            stdout=subprocess.PIPE,
            cwd=directory,
        )
        self.endpoints = json.loads(self._venues.stdout.readline())

    def close(self) -> None:
        self._venues.send_signal(signal.SIGTERM)
        assert self._venues.wait(20) == 0
        self._venues.stdout.close()

    def trader(self, *flags: str, **environment: str) -> subprocess.Popen:
        """`atomizer rfq-responder` on these venues."""
        return trader(self.directory, "--exchange", "sim", *flags, **environment)

    def inventory(self) -> dict:
        """`atomizer inventory --format json`."""
        command = [*COMMAND, "inventory", "--exchange", "sim", "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=self.directory)
        return json.loads(done.stdout)

    def derive_ledger(self) -> dict:
        return _get(self.endpoints["derive"]["http"] + "/practice/ledger")["accounts"][0]

    def rysk_ledger(self) -> dict:
        return _get(self.endpoints["rysk"]["http"] + "/practice/ledger")

    def freeze(self) -> None:
        """Let the market stand still, so that two readings can be compared."""
        request = urllib.request.Request(  # noqa: S310  loopback
            self.endpoints["derive"]["http"] + "/practice/freeze", data=b'{"frozen": true}', method="POST"
        )
        with urllib.request.urlopen(request, timeout=5):  # noqa: S310  loopback
            time.sleep(TICKER_S)  # until every ticker has told the mark at which it stands


@contextlib.contextmanager
def desk(directory: Path, **options):
    running = Desk(directory, **options)
    try:
        yield running
    finally:
        running.close()


def finish(trader: subprocess.Popen, within_s: float = 60) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a trader that ends by itself or was told to."""
    out, err = trader.communicate(timeout=within_s)
    return trader.returncode, out, err


def wait_for(condition, within_s: float = 30):
    """Poll until `condition()` is truthy and answer that."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError, IndexError, KeyError):
            if found := condition():
                return found
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


def _get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310  loopback
        return json.load(answer)
