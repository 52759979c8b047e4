"""Killing: by command, file and signal, with a trader that answers, hangs or is not there."""

import signal
import subprocess

from flow.resting import Rest
from flow.running import COMMAND, desk, finish, wait_for

OWN, FOREIGN = "hedge.lost.1", "web-ui"


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


def test_a_trader_that_hangs_is_killed_and_its_orders_cancelled(tmp_path):
    """A trader that does not move any more is ended, and what rests is cancelled over a connection of the command's."""
    with desk(tmp_path) as venues:
        running = quoting(venues)
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


def test_a_signal_and_then_a_file_kill(tmp_path):
    """SIGUSR1 and a file named KILLED, be it empty, do the same as the command."""
    with desk(tmp_path) as venues:
        for trigger in ("signal", "file"):
            running = quoting(venues)
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


def test_where_nothing_was_ever_traded_there_is_nothing_to_kill(tmp_path):
    """Without venues and without books the exit code is 3."""
    assert kill(tmp_path)[0] == 3
