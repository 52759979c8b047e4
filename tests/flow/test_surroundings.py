"""What a market maker and a responder do when something around them fails: a clock, a private channel, a disk."""

import os
import signal
import subprocess

import pytest
from flow.places import AtDeribit, AtDerive
from flow.resting import Rest
from flow.running import desk, finish, hurried, maker, wait_for

MUTE = "its private channel does not say so: connecting again"
RESTLESS = "market_maker: {keep_ticks: 0}"  # an order that is placed in the silence may otherwise take minutes to come


def making(venues):
    """A market maker whose quotes rest on both sides of four options."""
    running = hurried("market-maker", venues.directory, *venues.flags, "--aggression", "0.5")
    wait_for(lambda: len(venues.orders()) == 8)
    return running


def take_a_bid(venues):
    """Whether one rested. A venue that refuses since it moved meanwhile raises what waiting takes for not yet."""
    bids = [each for each in venues.orders() if each["direction"] == "buy"]
    if bids:
        venues.take(bids[0])
    return bool(bids)


@pytest.mark.parametrize("place", [AtDerive, AtDeribit])
def test_a_venue_whose_clock_runs_away_is_quoted_no_more(tmp_path, place):
    """Beyond risk.max_clock_offset all quotes are pulled, and the run ends with code 4 and a word in the error log."""
    venues = place(tmp_path)
    try:
        running = making(venues)
        venues.set_clock(place.name, 500)
        venues.set_clock(place.name, 2500)
        code, _, err = finish(running)
        assert code == 4, err
        assert "s behind D" in err
        assert "more than the 1 s allowed: run a time service" in err
        assert "s behind D" in venues.log("errors.log")
        assert venues.orders() == []
    finally:
        venues.close()


def test_a_responder_ends_when_the_clock_of_its_hedges_runs_away(tmp_path):
    """A clock that is too far ahead of the hedge venue's ends it the same way, and nothing of ours is left."""
    with desk(tmp_path, rfq_interval="150ms") as venues:
        running = hurried("rfq-responder", tmp_path, "--exchange", "sim", "--enable-hedging")
        wait_for(lambda: venues.rysk_ledger()["trades"])
        venues.set_clock("derive", -2500)
        code, _, err = finish(running)
        assert code == 4, err
        assert "s ahead of Derive's" in err
        assert venues.derive_ledger()["open_orders"] == []


@pytest.mark.parametrize("place", [AtDerive, AtDeribit])
def test_quotes_are_pulled_when_a_private_channel_falls_silent(tmp_path, place):
    """An order that only its answer told of ends the connection and what rests on it; what filled unheard is booked."""
    venues = place(tmp_path, fault="mute=100%")
    try:
        (tmp_path / "config.yaml").write_text(RESTLESS)
        venues.set_calm(is_calm=True)
        running = making(venues)
        venues.set_calm(is_calm=False)
        wait_for(lambda: take_a_bid(venues))
        wait_for(lambda: MUTE in venues.log("errors.log"))
        wait_for(lambda: not venues.orders())
        venues.set_calm(is_calm=True)
        wait_for(lambda: len(venues.orders()) == 8)
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
        assert "ties with the venue's own" in out
    finally:
        venues.close()


class Disk:
    """A file system of its own, in a file, which can fail as one does whose device has gone bad."""

    def __init__(self, directory):
        self.path = directory / "disk"
        self.path.mkdir()
        image = directory / "image"
        with image.open("wb") as file:
            file.truncate(64 << 20)
        self.is_mounted = run("mkfs.ext4", "-q", "-F", image) and run("mount", "-o", "loop", image, self.path)

    def fail(self):
        """From now on it is read-only, for who has files of it open, too."""
        assert run("mount", "-o", "remount,abort", self.path)

    def close(self):
        if self.is_mounted:
            run("umount", "--lazy", self.path)


def run(*words):
    """Whether a command of the system's could be had and succeeded."""
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def disk(tmp_path):
    if os.geteuid():
        pytest.skip("only root may mount a file system")
    found = Disk(tmp_path)
    yield found
    found.close()


@pytest.mark.parametrize("command", ["market-maker", "rfq-responder"])
def test_a_disk_that_turns_read_only_kills_and_the_cancels_still_leave(disk, command):
    """Nothing new leaves, own orders are cancelled and verified gone, the exit code is 7, and words say why."""
    if not disk.is_mounted:
        pytest.skip("no file system can be mounted here")
    with desk(disk.path, rfq_interval="150ms") as venues:
        if command == "market-maker":
            running, label = maker(disk.path, "--paper", "--aggression", "0.5"), "mm.lost.1"
            wait_for(lambda: venues.derive_ledger()["open_orders"])
        else:
            running, label = venues.trader("--enable-hedging", "--enable-manual"), "hedge.lost.1"
            wait_for(lambda: venues.rysk_ledger()["trades"])
        rest = Rest(venues)
        rest.rest(label)
        disk.fail()
        code, out, err = finish(running)
        assert code == 7, err
        assert "journal: " in err
        assert "Read-only file system" in err
        assert "none of ours left at the venue, verified" in out
        assert rest.labels() == []
