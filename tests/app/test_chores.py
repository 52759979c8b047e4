"""Work beside the trading: what is done upon an event."""

import asyncio

import pytest

from atomizer.app.chores import Chores


async def test_what_is_set_often_in_one_turn_is_done_once_in_the_next():
    """However often an event is set in one turn of the loop, its action follows once; and again for the next turn."""
    chores, event, done = Chores(), asyncio.Event(), []
    chores.upon(event, lambda: done.append(len(done)))
    await asyncio.sleep(0)
    for times in (1, 2):
        for _ in range(3):
            event.set()
        assert len(done) == times - 1
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(done) == times
    chores.stop()


async def test_an_action_that_fails_is_heard_by_whoever_waits_for_the_timers():
    """What it raises comes out of its timer, as of any other."""
    chores, event = Chores(), asyncio.Event()
    chores.upon(event, lambda: {}["no such key"])
    event.set()
    with pytest.raises(KeyError):
        await asyncio.gather(*chores.timers)
