"""Block RFQs of practice Deribit: a real responder quotes, is taken by another account, books and hedges."""

import asyncio
import contextlib
import json
import re
import signal
import time
from decimal import Decimal

import orjson
import pytest
from flow.running import PATIENCE_S, desk, finish, trader, wait_for

from atomizer.errors import Refused
from atomizer.venues.deribit.auth import Credentials
from atomizer.venues.deribit.names import to_deribit
from atomizer.venues.deribit.profile import choose_profile
from atomizer.venues.deribit.session import DeribitSession

# Public throw-away key of the practice counterparty.
TAKER = Credentials.with_secret("5mpk9QeD", b"s3cr3t_throwaway_0001")
SIZE = 25
FLAGS = ("--exchange", "sim:deribit", "--rfq-source", "deribit")
ROOMY = {
    "ATOMIZER__RISK__MAX_DELTA": "200",
    "ATOMIZER__RISK__PRICE_BAND_BPS": "10000",
    "ATOMIZER__RFQ__PROTECTION_AMOUNT": "1000",
    "ATOMIZER__RFQ__PROTECTION_DELTA": "500",
}


@contextlib.asynccontextmanager
async def taker(url):
    session = DeribitSession(
        choose_profile(is_test=True, url=url), TAKER, underlyings=["ETH"], emit=lambda _event: None, now_ns=time.time_ns
    )
    await session.start()
    try:
        yield session
    finally:
        await session.stop()


def deep_calls(session):
    """Two calls of one expiry, of those whose books hold the most on both sides."""
    by_expiry = {}
    for name in session.names:
        if name.endswith("-C") and session.instrument(name).contract.underlying == "ETH":
            depth = min(session.book(name).depth(takes_bids) for takes_bids in (True, False))
            by_expiry.setdefault(session.instrument(name).contract.expiry_s, []).append((depth, name))
    pairs = [sorted(calls)[-2:] for calls in by_expiry.values() if len(calls) > 1]
    [(_, low), (_, high)] = max(pairs)
    return low, high


async def trade_a_spread(url, start):
    """Ask for a call spread, `start`, and buy it from whoever offers it; the names of its legs, bought and sold."""
    async with taker(url) as session:
        bought, sold = deep_calls(session)
        legs = [
            {"instrument_name": to_deribit(session.instrument(name).contract), "direction": direction}
            for name, direction in ((bought, "buy"), (sold, "sell"))
        ]

        async def ask(method, params):
            return orjson.loads(await session._rpc.ask(method, params))

        rfq = await ask("private/create_block_rfq", {"legs": [leg | {"amount": SIZE} for leg in legs]})
        start()
        subject = {"block_rfq_id": rfq["block_rfq_id"]}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                [seen] = (await ask("private/get_block_rfqs", subject))["block_rfqs"]
                with contextlib.suppress(Refused, IndexError):  # until somebody offers, and the venue's grace is over
                    terms = {"price": seen["asks"][0]["price"], "amount": SIZE, "direction": "buy"}
                    echoed = {"legs": [leg | {"ratio": 1} for leg in legs], "time_in_force": "fill_or_kill"}
                    await ask("private/accept_block_rfq", subject | terms | echoed)
                    return bought, sold
                await asyncio.sleep(0.2)


@pytest.mark.parametrize("mode", ["option", "perpetual"])
def test_a_structure_is_quoted_taken_booked_and_hedged(tmp_path, mode):
    """It was asked for before we started. Both legs are booked under the one quote, each is hedged, the ledger ties,
    and no quote of ours is left.
    """
    flags = (*FLAGS, "--enable-hedging", "--hedge-mode", mode)
    with desk(tmp_path, rfq_interval="1h") as venues:
        started = []
        bought, sold = asyncio.run(
            trade_a_spread(venues.endpoints["deribit"]["ws"], lambda: started.append(trader(tmp_path, *flags, **ROOMY)))
        )
        [running] = started
        wait_for(lambda: len(re.findall(r"hedge of trade .* hedged", venues.log("trades.log"))) >= 2)
        venues.freeze()
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "ties with the venue's own" in out
        assert "none of ours left at the venue, verified" in out
        assert " 1 won" in next(line for line in out.splitlines() if line.startswith("RFQs"))
        rows = {row["instrument"]: Decimal(row["position"]) for row in venues_rows(venues)}
        if mode == "option":
            assert (rows.get(bought, 0), rows.get(sold, 0)) == (0, 0)
        else:
            assert (rows[bought], rows[sold]) == (-SIZE, SIZE)
            assert rows["ETH-PERP"] != 0


def venues_rows(venues):
    """Positions of our books there."""
    return json.loads(venues.command("inventory", "--exchange", "sim:deribit", "--format", "json"))["positions"]


async def until(condition):
    async with asyncio.timeout(PATIENCE_S):
        while not await condition():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.1)


async def ask_twice(url, declined):
    """Ask for one call two times over; withdraw the first once the second was `declined`, and wait for its quotes."""
    async with taker(url) as session:
        _, name = deep_calls(session)
        leg = {"instrument_name": to_deribit(session.instrument(name).contract), "direction": "buy", "amount": SIZE}

        async def ask(method, params):
            return orjson.loads(await session._rpc.ask(method, params))

        async def is_quoted(rfq):
            [seen] = (await ask("private/get_block_rfqs", {"block_rfq_id": rfq["block_rfq_id"]}))["block_rfqs"]
            return bool(seen["asks"] and seen["bids"])

        async def is_declined():
            return declined() == 2

        first = await ask("private/create_block_rfq", {"legs": [leg]})
        await until(lambda: is_quoted(first))
        second = await ask("private/create_block_rfq", {"legs": [leg]})
        await until(is_declined)
        assert not await is_quoted(second)
        await ask("private/cancel_block_rfq", {"block_rfq_id": first["block_rfq_id"]})
        await until(lambda: is_quoted(second))


def test_what_there_was_no_room_for_is_quoted_once_there_is(tmp_path):
    """The quotes of one RFQ take the position limit; the next is declined for that, and quoted when the first has gone.
    Each side of both is seen once, told once why not, and its last word is that it was quoted.
    """
    roomy = ROOMY | {"ATOMIZER__RISK__MAX_POSITION": str(SIZE * 1.5)}
    with desk(tmp_path, rfq_interval="1h") as venues:
        running = trader(tmp_path, *FLAGS, **roomy)

        def declined():
            return venues.log("quotes.log").count("declined: max_position")

        asyncio.run(ask_twice(venues.endpoints["deribit"]["ws"], declined))
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        line = next(line for line in out.splitlines() if line.startswith("RFQs"))
        assert ("4 seen, 4 quoted" in line, "0 declined" in line, declined()) == (True, True, 2), line


def test_a_dry_run_prints_what_it_would_quote(tmp_path):
    """Nothing leaves, and the account's protection stays as it is."""
    with desk(tmp_path, rfq_interval="100ms"):
        code, out, err = finish(trader(tmp_path, *FLAGS, "--dry-run", "--for", "2s", **ROOMY))
        assert code == 0, err
        assert 'would send: {"method":"private/add_block_rfq_quote"' in out
        assert "cancel" not in err


def test_block_rfqs_need_their_account(tmp_path):
    """Another exchange cannot answer them: a usage error that says what to change."""
    code, _, err = finish(trader(tmp_path, "--paper", "--rfq-source", "deribit", "--exchange", "derive", "--for", "1s"))
    assert (code, "use --exchange deribit" in err) == (2, True), err
