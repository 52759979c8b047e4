"""Starts the real commands in a directory of their own, as an operator would, and looks at the venues' own ledgers."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

TICKER_S = 1.5
PATIENCE_S = 60.0  # for what takes moments where nothing else runs: only a test that fails waits so long
MAKER = "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23"  # of the public test key that the practice venue knows
HURRIED = Path(__file__).with_name("hurried.py")
COMMAND = [sys.executable, "-m", "atomizer"]
_started: list[subprocess.Popen] = []


def bare(**environment: str) -> dict[str, str]:
    """An environment with this and nothing else, but for where the package is that is tested."""
    return {**{name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}, **environment}


def trader(directory: Path, *flags: str, **environment: str) -> subprocess.Popen:
    """`atomizer rfq-responder` of this tree with these flags, and nothing else in its environment."""
    return run("rfq-responder", directory, *flags, **environment)


def maker(directory: Path, *flags: str, **environment: str) -> subprocess.Popen:
    """`atomizer market-maker`, in the same way."""
    return run("market-maker", directory, *flags, **environment)


def run(command: str, directory: Path, *flags: str, **environment: str) -> subprocess.Popen:
    process = subprocess.Popen(
        [*COMMAND, command, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        env=bare(**environment),
    )
    _started.append(process)
    return process


def end_what_runs() -> None:
    """A test that failed leaves its commands behind: end them, and tell what they had to say."""
    for process in _started:
        if not process.stdout.closed:
            process.kill()
            out, err = process.communicate()
            print(" ".join(process.args), process.returncode, out, err, sep="\n")  # noqa: T201  pytest shows it
    _started.clear()


def hurried(command: str, directory: Path, *flags: str) -> subprocess.Popen:
    """The same in a hurry: see `hurried.py`."""
    return subprocess.Popen(
        [sys.executable, str(HURRIED), command, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=directory,
        env=bare(),
    )


class Desk:
    """A working directory with practice venues that run in it."""

    def __init__(
        self,
        directory: Path,
        *,
        seed: int = 1,
        rfq_interval: str = "400ms",
        fault: str = "calm",
        errors: Path | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """`errors` is where each fault that strikes is told; `command` another way to start the venues."""
        self.directory = directory
        file = directory / "state" / "sim" / "endpoints.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        market = ("--seed", str(seed), "--rfq-interval", rfq_interval, "--fault", fault)
        with contextlib.nullcontext() if errors is None else errors.open("wb") as told:
            self._venues = subprocess.Popen(
                [*command, "sim", "start", *market, "--endpoints", str(file)],
                stdout=subprocess.PIPE,
                stderr=told,
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

    def command(self, *words: str) -> str:
        """What a command of ours says in this directory."""
        return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=True, cwd=self.directory).stdout

    def inventory(self) -> dict:
        """`atomizer inventory --format json`."""
        return json.loads(self.command("inventory", "--exchange", "sim", "--format", "json"))

    def pnl(self, breakdown_by: str) -> dict:
        """`atomizer reports pnl --format json`."""
        words = ("--exchange", "sim", "--format", "json", "--breakdown-by", breakdown_by)
        return json.loads(self.command("reports", "pnl", *words))

    def derive_ledger(self) -> dict:
        return _get(self.endpoints["derive"]["http"] + "/practice/ledger")["accounts"][0]

    def deribit_ledger(self) -> dict:
        return _get(self._root("deribit") + "/practice/ledger")["accounts"][0]

    def pay_funding(self, venue: str) -> None:
        """What is pending there, now."""
        _post(self._root(venue) + "/practice/funding", b"")

    def set_clock(self, venue: str, ahead_ms: int) -> None:
        """So far from ours is what it tells of the time from now on."""
        _post(self._root(venue) + "/practice/clock", json.dumps({"ahead_ms": ahead_ms}).encode())

    def revoke(self, client_id: str, *, has_expired: bool) -> None:
        """A key of practice Deribit has expired, or was removed."""
        words = {"client_id": client_id, "expired": has_expired}
        _post(self._root("deribit") + "/practice/revoke", json.dumps(words).encode())

    def expire_keys(self) -> None:
        """The session keys of practice Derive have expired."""
        _post(self._root("derive") + "/practice/expire", b"")

    def take(self, instrument: str, direction: str, amount: str) -> None:
        """A taker of practice Derive's own market comes by."""
        words = {"instrument_name": instrument, "direction": direction, "amount": amount}
        _post(self._root("derive") + "/practice/take", json.dumps(words).encode())

    def set_calm(self, *, is_calm: bool) -> None:
        """Suspend the fault plan of every venue, or let it go on."""
        for venue in ("derive", "deribit", "rysk"):
            _post(self._root(venue) + "/practice/calm", json.dumps({"calm": is_calm}).encode())

    def _root(self, venue: str) -> str:
        return self.endpoints[venue]["http"].partition("/api")[0]

    def rysk_ledger(self) -> dict:
        return _get(self.endpoints["rysk"]["http"] + "/practice/ledger")

    def rysk_trades(self) -> dict[str, dict]:
        """The maker's trades as practice Rysk has them, by the nonce of our quote."""
        trades = self.rysk_ledger()["trades"]
        return {trade["quoteNonce"]: trade for trade in trades if trade["maker"].lower() == MAKER.lower()}

    def rysk_positions(self) -> dict[str, tuple[Decimal, Decimal]]:
        """{instrument: (amount, USD paid less received)} of the maker, by practice Rysk's own ledger."""
        listed = _get(self.endpoints["rysk"]["http"] + "/api/assets")
        underlyings = {row["address"]: row["underlying"] for rows in listed.values() for row in rows}
        held: dict[str, tuple[Decimal, Decimal]] = {}
        for row in self.rysk_ledger()["makers"][MAKER.lower()]["positions"]:
            name = _name(underlyings[row["underlying"]], row)
            amount, premium = held.get(name, (Decimal(0), Decimal(0)))
            held[name] = amount + Decimal(row["balance"]) / 10**18, premium + Decimal(row["premium"]) / 10**18
        return held

    def cut_rysk(self) -> None:
        """Drop every socket of practice Rysk without a goodbye."""
        _post(self.endpoints["rysk"]["http"] + "/practice/disconnect", b"")

    def log(self, name: str) -> str:
        """What the traders of this directory wrote to this file of logs."""
        return (self.directory / "logs" / name).read_text()

    def freeze(self, *, settle: bool = True) -> None:
        """Let the market stand still, so that two readings can be compared."""
        _post(self.endpoints["derive"]["http"] + "/practice/freeze", b'{"frozen": true}')
        if settle:
            time.sleep(TICKER_S)  # until every ticker has told the mark at which it stands

    def thaw(self) -> None:
        """Let it move again."""
        _post(self.endpoints["derive"]["http"] + "/practice/freeze", b'{"frozen": false}')


@contextlib.contextmanager
def desk(directory: Path, **options):
    running = Desk(directory, **options)
    try:
        yield running
    finally:
        running.close()


def held(rows: list[dict], venue: str) -> dict[str, dict]:
    """{instrument: row} of the open positions at a venue, of the rows of an inventory."""
    return {row["instrument"]: row for row in rows if row["venue"] == venue and Decimal(row["position"]) != 0}


def check_rysk(rows: list[dict], theirs: dict[str, tuple[Decimal, Decimal]]) -> None:
    """What we hold from Rysk, and what we paid for it, is what its own ledger says, digit for digit."""
    ours = {name: (Decimal(row["position"]), -Decimal(row["cash_usd"])) for name, row in held(rows, "rysk").items()}
    assert ours == {name: holding for name, holding in theirs.items() if holding[0]}


def finish(trader: subprocess.Popen, within_s: float = 60) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a trader that ends by itself or was told to."""
    out, err = trader.communicate(timeout=within_s)
    return trader.returncode, out, err


def wait_for(condition, within_s: float = 120):
    """Poll until `condition()` is truthy and answer that."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        with contextlib.suppress(OSError, IndexError, KeyError):
            if found := condition():
                return found
        time.sleep(0.05)
    raise AssertionError("it did not come about in time")


def _name(underlying: str, row: dict) -> str:
    """Our name of the option in a row of Rysk's positions."""
    day = datetime.fromtimestamp(row["expiry"], UTC).strftime("%Y%m%d")
    strike = format((Decimal(row["strike"]) / 10**18).normalize(), "f").replace(".", "_")
    return f"{underlying}-{day}-{strike}-{'P' if row['isPut'] else 'C'}"


def _post(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, data=body, method="POST")  # noqa: S310  loopback
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310  loopback
        pass


def _get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310  loopback
        return json.load(answer)
