"""The kill latch and what trips it by itself."""

import errno
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.errors import Killed
from atomizer.risk.breaker import STORM_NS, Breaker, BreakerLimits
from atomizer.risk.latch import KillLatch

LIMITS = BreakerLimits(max_rejects=3, max_silence_ns=1_000, max_clock_step_ns=100)


def test_a_set_latch_refuses_and_says_why_until_it_is_cleared(tmp_path):
    """A latch survives its process, keeps its first cause, and goes only when it is cleared."""
    latch = KillLatch(tmp_path)
    latch.check()
    latch.set("loss: enough", 1_790_000_000_000_000_000)
    latch.set("later", 1_790_000_001_000_000_000)
    latch.sync()
    with pytest.raises(Killed, match=r"2026-09-21 14:13:20 UTC: loss: enough.*kill --clear"):
        KillLatch(tmp_path).check()
    assert "loss: enough" in latch.clear()
    KillLatch(tmp_path).check()
    assert latch.clear() == ""


def test_any_file_of_that_name_is_a_set_latch(tmp_path):
    """An empty file, one with bytes that are no text, a directory and a broken link are all set."""
    latch = KillLatch(tmp_path)
    for make in (
        latch.path.touch,
        lambda: latch.path.write_bytes(b"\xff\xfe\n\nwhy"),
        latch.path.mkdir,
        lambda: latch.path.symlink_to("nowhere"),
    ):
        make()
        with pytest.raises(Killed):
            latch.check()
        latch.path.rmdir() if latch.path.is_dir() else latch.path.unlink()


def test_a_disk_without_room_still_takes_the_latch(tmp_path, monkeypatch):
    """When the words do not fit, the empty file is there and counts."""

    def full(_descriptor, _data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        KillLatch(tmp_path).set("journal failed", 0)
    assert KillLatch(tmp_path).is_set()


def look(breaker, steady_ns, *, wall_ns=None, is_hearing=True, **refusals):
    wall_ns = steady_ns if wall_ns is None else wall_ns
    return breaker.look(wall_ns=wall_ns, steady_ns=steady_ns, is_hearing=is_hearing, refusals=refusals)


@given(st.lists(st.integers(0, 40_000_000_000), max_size=12))
def test_a_storm_is_so_many_rejects_within_a_minute(gaps):
    """The breaker trips exactly when the last so many rejects came within a minute."""
    breaker, at, rejects = Breaker(LIMITS), 0, []
    for gap in gaps:
        at += gap
        rejects.append(at)
        breaker.on_reject(at)
        is_storm = len(rejects) >= 3 and at - rejects[-3] < STORM_NS
        assert ("reject storm" in look(breaker, at)) == is_storm


@given(st.lists(st.tuples(st.integers(1, 600), st.booleans()), max_size=12))
def test_silence_trips_once_it_has_lasted(looks):
    """Without a word for longer than allowed the breaker trips; any word starts the time anew."""
    breaker, at, since = Breaker(LIMITS), 0, None
    for gap, is_hearing in looks:
        at += gap
        since = None if is_hearing else at if since is None else since
        is_silent = since is not None and at - since > LIMITS.max_silence_ns
        assert ("silence" in look(breaker, at, is_hearing=is_hearing)) == is_silent


@pytest.mark.parametrize(("step_ns", "word"), [(101, "forward"), (-101, "back"), (100, ""), (-100, "")])
def test_a_clock_that_is_set_trips(step_ns, word):
    """A wall clock that jumps against the steady one trips, slow drift and a pause do not."""
    breaker = Breaker(LIMITS)
    assert look(breaker, 0, wall_ns=5_000) == ""
    assert look(breaker, 10_000_000_000, wall_ns=5_000 + 10_000_000_000) == ""
    assert word in look(breaker, 10_000_000_010, wall_ns=5_000 + 10_000_000_010 + step_ns)
    assert bool(look(Breaker(LIMITS), 0)) is False


@pytest.mark.parametrize("reason", ["max_daily_loss", "max_drawdown"])
def test_a_loss_limit_trips(reason):
    """Refusals for the loss of a whole trip, those of single orders do not."""
    breaker = Breaker(LIMITS)
    assert look(breaker, 0, max_size=5, price_band=9) == ""
    assert reason in look(breaker, 1, **{reason: 1})
