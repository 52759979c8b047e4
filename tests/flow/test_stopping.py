"""Stopping in any state: by one signal in order, by a second one at once, with venues that are gone, on a full disk."""

import os
import resource
import signal
import time
from pathlib import Path

import pytest
from flow.resting import Rest
from flow.running import desk, finish, maker, trader, wait_for


def catches(process, number):
    """Whether the process has a handler for the signal by now."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    (mask,) = [line.split()[1] for line in lines if line.startswith("SigCgt")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def quoting(venues):
    running = venues.trader("--enable-hedging")
    wait_for(lambda: "Rysk maker" in running.stderr.readline())
    return running


@pytest.mark.parametrize("after_s", [0.0, 0.6, 1.4, 2.5])
def test_a_stop_at_any_moment_of_the_start_ends_well(tmp_path, after_s):
    """Told to stop while it starts, a trader ends with code 0: nothing was sent, or what was sent is verified gone."""
    running = trader(tmp_path, "--paper", "--enable-hedging")
    wait_for(lambda: catches(running, signal.SIGTERM))
    time.sleep(after_s)
    running.send_signal(signal.SIGTERM)
    code, out, err = finish(running)
    assert code == 0, err
    assert "none of ours left at the venue, verified" in out or "stopped before anything was sent" in err
    assert "atomizer/app" not in err  # no trace of ours


def making(venues):
    """A market maker whose quotes rest."""
    running = maker(venues.directory, "--paper", "--aggression", "0.5")
    wait_for(lambda: venues.derive_ledger()["open_orders"])
    return running


@pytest.mark.parametrize(("begin", "number"), [(quoting, signal.SIGINT), (making, signal.SIGTERM)])
def test_a_second_signal_ends_at_once(tmp_path, begin, number):
    """The second signal ends the process with 128 plus its number, even while it drains."""
    with desk(tmp_path) as venues:
        running = begin(venues)
        wait_for(lambda: begin is making or venues.rysk_ledger()["trades"])
        os.kill(venues.endpoints["pid"], signal.SIGSTOP)  # so that a drain has to wait
        running.send_signal(number)
        wait_for(lambda: "draining" in _phase(tmp_path))
        running.send_signal(number)
        assert finish(running)[0] == 128 + number
        os.kill(venues.endpoints["pid"], signal.SIGCONT)


def _phase(directory):
    (path,) = directory.glob("state/sim/*/snapshot")
    return path.read_bytes().decode(errors="replace")


@pytest.mark.parametrize("begin", [quoting, making])
def test_a_stop_that_cannot_be_verified_ends_with_nine(tmp_path, begin):
    """With the venue gone a stop ends within its budget, and says that orders may live."""
    with desk(tmp_path) as venues:
        running = begin(venues)
        os.kill(venues.endpoints["pid"], signal.SIGSTOP)
        running.send_signal(signal.SIGTERM)
        code, out, _ = finish(running, within_s=60)
        os.kill(venues.endpoints["pid"], signal.SIGCONT)
        assert code == 9
        assert "MAY STILL BE LIVE" in out


@pytest.mark.parametrize("begin", [quoting, making])
def test_a_journal_that_fails_kills_and_the_cancels_still_leave(tmp_path, begin):
    """When the disk takes no more, nothing new leaves, own orders are cancelled all the same, and the latch is set."""
    with desk(tmp_path, rfq_interval="150ms") as venues:
        running = begin(venues)
        wait_for(lambda: begin is making or venues.rysk_ledger()["trades"])
        rest = Rest(venues)
        rest.rest("hedge.lost.1" if begin is quoting else "mm.lost.1")
        (path,) = tmp_path.glob("state/sim/*/journal.atj")
        resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (path.stat().st_size + 1,) * 2)
        code, out, err = finish(running)
        assert code == 7, err
        assert "journal: " in err
        assert "none of ours left at the venue, verified" in out
        assert rest.labels() == []
        assert path.with_name("KILLED").exists()
