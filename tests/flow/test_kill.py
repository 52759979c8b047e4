"""Killing: by command, file and signal, with a trader that answers, hangs or is not there."""

import contextlib
import http.client
import json
import random
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from flow.resting import Rest
from flow.running import COMMAND, desk, finish, maker, wait_for

OWN, FOREIGN = "hedge.lost.1", "web-ui"
PORTS = range(20_000, 32_000)  # below those that the system gives away, one of which might be gone before we listen


def kill(directory, *flags):
    """(exit code, output) of `atomizer kill`."""
    command = [*COMMAND, "kill", "--exchange", "sim", *flags]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=directory, timeout=60)
    return done.returncode, done.stdout + done.stderr


def latch_of(directory):
    (path,) = directory.glob("state/sim/*/journal.atj")
    return path.with_name("KILLED")


def quoting(venues, *flags):
    running = venues.trader("--enable-hedging", *flags)
    wait_for(lambda: "Rysk maker" in running.stderr.readline())
    return running


def making(venues):
    """A market maker whose quotes rest."""
    running = maker(venues.directory, "--paper", "--aggression", "0.5")
    wait_for(lambda: venues.derive_ledger()["open_orders"])
    return running


def test_a_kill_cancels_what_is_ours_and_nothing_trades_until_it_is_cleared(tmp_path):
    """The trader ends with code 7, own orders are gone, another's rests, and only `--clear` lets a run start again."""
    with desk(tmp_path) as venues:
        rest = Rest(venues)
        running = quoting(venues)
        rest.rest(FOREIGN)
        rest.rest(OWN)
        code, out = kill(tmp_path, "--reason", "too warm")
        assert code == 0, out
        assert "none of ours rests, verified; 1 of others are left alone" in out or rest.labels() == []
        code, _, err = finish(running)
        assert code == 7, out
        assert "too warm" in err
        rest.rest(FOREIGN)
        refused, _, err = finish(venues.trader())
        assert refused == 7
        assert "too warm" in err
        assert "atomizer kill --clear" in err
        assert kill(tmp_path, "--clear")[0] == 0
        assert finish(venues.trader("--for", "1s"))[0] == 0


@pytest.mark.parametrize("command", ["rfq-responder", "market-maker"])
def test_a_trader_that_hangs_is_killed_and_its_orders_cancelled(tmp_path, command):
    """A trader that does not move any more is ended, and what rests is cancelled over a connection of the command's."""
    with desk(tmp_path) as venues:
        running = quoting(venues) if command == "rfq-responder" else making(venues)
        running.send_signal(signal.SIGSTOP)
        rest = Rest(venues)
        rest.rest(OWN)
        code, out = kill(tmp_path)
        assert code == 0, out
        assert f"process {running.pid}) did not end by itself and was killed" in out
        assert finish(running)[0] == -signal.SIGKILL
        assert rest.labels() == []


def test_without_a_trader_the_latch_is_set_and_the_venue_cleared(tmp_path):
    """With nothing running the exit code is 3, own orders go, others only with --all, and a start is refused."""
    with desk(tmp_path) as venues:
        assert finish(venues.trader("--for", "1s"))[0] == 0
        rest = Rest(venues)
        rest.rest(FOREIGN)
        rest.rest(OWN)
        code, out = kill(tmp_path)
        assert code == 3
        assert "no trader is running" in out
        assert "1 orders cancelled, none of ours rests, verified; 1 of others are left alone" in out
        assert kill(tmp_path, "--all")[0] == 3
        assert rest.labels() == []
        assert finish(venues.trader())[0] == 7


@pytest.mark.parametrize("begin", [quoting, making])
def test_a_signal_and_then_a_file_kill(tmp_path, begin):
    """SIGUSR1 and a file named KILLED, be it empty, do the same as the command."""
    with desk(tmp_path) as venues:
        for trigger in ("signal", "file"):
            running = begin(venues)
            if trigger == "file":
                latch_of(tmp_path).touch()
            else:
                running.send_signal(signal.SIGUSR1)
            code, out, err = finish(running)
            assert code == 7, err
            assert "none of ours left at the venue, verified" in out
            assert ("set by hand" if trigger == "file" else "SIGUSR1") in err
            assert latch_of(tmp_path).exists()
            assert kill(tmp_path, "--clear")[0] == 0


def is_free(port):
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.bind(("127.0.0.1", port))
        return True
    return False


class Port:
    """The HTTP port of a trader, as a client sees it."""

    def __init__(self, directory):
        self.number = next(filter(is_free, random.sample(PORTS, 100)))
        self._directory = directory

    def ask(self, method, path, header=""):
        """(status, answer); status 0 while nobody listens."""
        name, _, value = header.partition(": ")
        connection = http.client.HTTPConnection("127.0.0.1", self.number, timeout=10)
        try:
            connection.request(method, path, headers={name: value.strip()} if value else {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        except ConnectionRefusedError:
            return 0, {}
        finally:
            connection.close()

    @property
    def key_file(self):
        (path,) = self._directory.glob("state/sim/*/http.key")
        return path


@pytest.mark.parametrize("command", ["rfq-responder", "market-maker"])
def test_a_request_with_the_key_of_the_run_kills(tmp_path, command):
    """Health is anybody's to ask; the picture and the kill want the run's key, which no list, variable or log shows."""
    with desk(tmp_path) as venues:
        port = Port(tmp_path)
        flags = ("--http-port", str(port.number))
        running = venues.trader(*flags) if command == "rfq-responder" else maker(tmp_path, "--paper", *flags)
        wait_for(lambda: port.ask("GET", "/health") == (200, {"phase": "quoting", "killed": ""}))
        header = port.key_file.read_text()
        assert port.key_file.stat().st_mode & 0o777 == 0o600
        for wrong in ("", "Authorization: Bearer ", header[:-3] + "x"):
            assert port.ask("POST", "/kill", wrong)[0] == 401
            assert port.ask("GET", "/status", wrong)[0] == 401
        assert [port.ask(*each)[0] for each in (("GET", "/kill"), ("POST", "/health"), ("GET", "/"))] == [405, 405, 404]
        assert port.ask("GET", "/health")[0] == 200
        wait_for(lambda: port.ask("GET", "/status", header)[1].get("phase") == "quoting")  # published every so often
        process = Path(f"/proc/{running.pid}")
        shown = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        status, answer = port.ask("POST", "/kill?reason=too%20warm%0A", header)
        assert (status, answer["latched"]) == (200, True)
        assert "too warm" in latch_of(tmp_path).read_text()
        code, out, err = finish(running)
        assert code == 7, err
        assert "none of ours left at the venue, verified" in out
        assert venues.derive_ledger()["open_orders"] == []
        key = header.split()[-1]
        logs = "".join(path.read_text() for path in (tmp_path / "logs").iterdir())
        assert key.encode() not in shown
        assert key not in out + err + logs
        assert not list(tmp_path.glob("state/sim/*/http.key"))


def test_a_port_that_was_asked_for_is_had_or_the_run_does_not_begin(tmp_path):
    """A taken port that was named ends with code 4; the one that nobody named is gone without, in words."""
    with desk(tmp_path) as venues, socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, _, err = finish(venues.trader("--http-port", port))
        assert code == 4
        assert f"127.0.0.1:{port} cannot be listened on" in err
        assert finish(venues.trader("--http-port", "0", "--for", "1s"))[0] == 0


def test_where_nothing_was_ever_traded_there_is_nothing_to_kill(tmp_path):
    """Without venues and without books the exit code is 3."""
    assert kill(tmp_path)[0] == 3
