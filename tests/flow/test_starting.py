"""Starts into a bad moment: what passes is waited for, in words, and what does not ends the start at once."""

import signal

import pytest
from flow.running import desk, finish, maker, wait_for

AGAIN = ": trying again"


def making(venues):
    return maker(venues.directory, "--paper", "--aggression", "0.5")


def responding(venues):
    return venues.trader("--enable-hedging")


def quotes(venues, begin):
    return venues.derive_ledger()["open_orders"] if begin is making else venues.rysk_ledger()["trades"]


@pytest.mark.parametrize("begin", [making, responding])
def test_a_start_waits_for_a_venue_that_refuses_everything(tmp_path, begin):
    """While every question is refused each try is a line; once they are answered it quotes, and it ends with code 0."""
    with desk(tmp_path, rfq_interval="150ms", fault="reject=100%") as venues:
        running = begin(venues)
        lines = [wait_for(lambda: next(line for line in running.stderr if AGAIN in line)) for _ in range(2)]
        assert not quotes(venues, begin)
        venues.set_calm(is_calm=True)
        wait_for(lambda: quotes(venues, begin))
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
        assert AGAIN in lines[0]


@pytest.mark.parametrize("begin", [making, responding])
def test_a_stop_while_a_start_is_tried_again_ends_it_at_once(tmp_path, begin):
    """Told to stop between two tries, it ends with code 0 and has sent nothing."""
    with desk(tmp_path, fault="reject=100%") as venues:
        running = begin(venues)
        wait_for(lambda: next(line for line in running.stderr if AGAIN in line))
        running.send_signal(signal.SIGTERM)
        code, _, err = finish(running, within_s=20)
        assert code == 0, err
        assert "stopped before anything was sent" in err
