"""Limits that change while a trader runs."""

import asyncio
import os
import signal

import pytest

from atomizer.app.parts import build_limits
from atomizer.app.reload import Reload
from atomizer.config.load import load
from atomizer.domain.instruments import NANOS
from atomizer.risk.gate import Gate


class Running:
    """A gate whose limits follow a file, and what an operator was told."""

    def __init__(self, file):
        self.file = file
        self.write("{max_delta: 10, max_position: 50}")
        self.told = []
        settings = self.read()
        self.gate = Gate(build_limits(settings.risk))
        self.reload = Reload(settings, self.read, file, self.use, self.told.append)

    def read(self):
        return load({}, {}, self.file).settings

    def use(self, settings):
        self.gate.use(build_limits(settings.risk))

    def write(self, risk, rest=""):
        self.file.write_text(f"risk: {risk}\n{rest}")

    @property
    def limits(self):
        return self.gate.limits.max_delta_nanos // NANOS, self.gate.limits.max_position_nanos // NANOS


@pytest.fixture
def running(tmp_path):
    return Running(tmp_path / "config.yaml")


def test_new_limits_hold_all_together(running):
    """Limits are taken as a whole, and each change is told with what was before."""
    running.write("{max_delta: 2, max_position: 7.5}")
    running.reload.now()
    assert running.limits == (2, 7)
    assert running.told == ["limits changed: risk.max_position 50 → 7.5, risk.max_delta 10 → 2"]
    running.reload.now()
    assert len(running.told) == 1


@pytest.mark.parametrize(
    ("risk", "words"),
    [
        ("{max_delta: 2, max_position: lots}", "risk.max_position"),
        ("{max_delta: 2, max_position: 0}", "above 0"),
        ("{max_delta: 2, max_positoin: 7}", "did you mean risk.max_position"),
        ("{max_delta: 2, price_band_bps: 0}", "price_band"),
        ("{max_delta: 2", "cannot be read"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(running, risk, words):
    """With one limit that cannot be meant, none is taken, and the complaint names it."""
    running.write(risk)
    running.reload.now()
    assert running.limits == (10, 50)
    (told,) = running.told
    assert told.startswith("limits not changed: ")
    assert words in told
    running.write("{max_delta: 3, max_position: 50}")
    running.reload.now()
    assert running.limits == (3, 50)


def test_what_is_no_limit_waits_for_the_next_start(running):
    """Other settings, and limits of parts that are built once, are told and not taken."""
    running.write("{max_delta: 4, max_position: 50, check_interval: 60s}", "rfq: {target_edge_bps: 500}")
    running.reload.now()
    assert running.limits == (4, 50)
    assert sorted(running.told) == [
        "limits changed: risk.max_delta 10 → 4",
        "rfq.target_edge_bps 300 → 500: takes effect at the next start",
        "risk.check_interval 10.0 → 60.0: takes effect at the next start",
    ]


async def until(condition):
    for _ in range(2000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not come about in time")


@pytest.mark.parametrize("is_gone", [False, True])
async def test_what_changed_before_anybody_looked_is_followed(running, is_gone):
    """A file that changes or goes while the trader starts is not taken for the one that it started with."""
    if is_gone:
        running.file.unlink()
    else:
        running.write("{max_delta: 5, max_position: 50}")
    following = asyncio.create_task(running.reload.follow(3600))
    await until(lambda: running.told)
    assert ("limits not changed" in running.told[0]) == is_gone
    assert running.limits == ((10, 50) if is_gone else (5, 50))
    following.cancel()


@pytest.mark.parametrize("is_signal", [False, True])
async def test_a_changed_file_and_a_signal_are_followed(running, is_signal):
    """The file is looked at from time to time, whether it was written or is gone, and SIGHUP is heard at once."""
    following = asyncio.create_task(running.reload.follow(3600 if is_signal else 0.02))
    await asyncio.sleep(0)
    running.write("{max_delta: 5, max_position: 50}")
    if is_signal:
        os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: running.limits == (5, 50))
    running.file.unlink()
    if is_signal:
        os.kill(os.getpid(), signal.SIGHUP)
    await until(lambda: any("limits not changed" in told for told in running.told))
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
