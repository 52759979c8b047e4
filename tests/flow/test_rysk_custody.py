"""Trades that nobody told us of, in the whole system: the venue's ledger is the truth, and our books come to it."""

import shutil
import signal
import time

from flow.running import check_rysk, desk, finish, trader, wait_for

from atomizer.domain.trading import Fill, HedgeOpened
from atomizer.journal.reader import JournalReader

AUCTION_S = 2.0
RFQ_INTERVAL = "150ms"  # so that a dozen auctions run at any time


def records(directory, kind):
    """What the journal of practice trading holds of a kind."""
    (path,) = directory.glob("state/sim/*/journal.atj")
    with JournalReader(path) as journal:
        return [entry.record for entry in journal.read() if isinstance(entry.record, kind)]


def heard_of(directory):
    """The nonces of our quotes whose trades are in our books."""
    return {fill.trade_id for fill in records(directory, Fill) if fill.venue == "rysk"}


def trade_until_killed_too_early(venues):
    """Kill traders in the middle of their auctions, until one dies before trades that the venue then makes."""
    for _ in range(5):
        before = len(venues.rysk_trades())
        running = venues.trader("--enable-hedging")
        wait_for(lambda before=before: len(venues.rysk_trades()) >= before + 2)
        running.kill()
        finish(running)
        in_time = venues.rysk_trades().keys()
        time.sleep(AUCTION_S + 0.5)
        if missed := venues.rysk_trades().keys() - in_time:
            return missed
    raise AssertionError("every trade was told in time")


def test_trades_made_while_the_trader_is_dead_are_booked_and_hedged(tmp_path):
    """After SIGKILL in running auctions, the next run books what traded meanwhile, hedges it, and both ledgers tie."""
    with desk(tmp_path, rfq_interval=RFQ_INTERVAL) as venues:
        missed = trade_until_killed_too_early(venues)
        second = venues.trader("--enable-hedging")
        wait_for(lambda: missed <= heard_of(tmp_path))
        wait_for(lambda: missed <= {hedge.trade_id for hedge in records(tmp_path, HedgeOpened)})
        second.send_signal(signal.SIGTERM)
        code, out, err = finish(second)
        assert code == 0, err
        assert "ties with the venue's own" in out
        told = venues.log("trades.log")
        assert all(f"trade {nonce} was missed" in told for nonce in missed)
        assert heard_of(tmp_path) == venues.rysk_trades().keys()
        assert {hedge.trade_id for hedge in records(tmp_path, HedgeOpened)} == venues.rysk_trades().keys()
        check_rysk(venues.inventory()["positions"], venues.rysk_positions())


def test_trades_made_while_the_socket_is_down_are_booked(tmp_path):
    """However often the sockets are cut in mid-session, what traded meanwhile is booked once the venue can be asked."""
    with desk(tmp_path, rfq_interval=RFQ_INTERVAL) as venues:
        running = venues.trader()
        wait_for(lambda: len(venues.rysk_trades()) >= 1)

        def cut_until_a_trade_was_missed():
            venues.cut_rysk()
            time.sleep(1)
            return "was missed" in venues.log("trades.log")

        wait_for(cut_until_a_trade_was_missed, within_s=40)
        running.send_signal(signal.SIGTERM)
        code, _, err = finish(running)
        assert code == 0, err
        assert heard_of(tmp_path) == venues.rysk_trades().keys()
        check_rysk(venues.inventory()["positions"], venues.rysk_positions())


def test_trades_of_another_on_our_account_are_told_and_not_booked(tmp_path):
    """Positions that our journal knows nothing of are told once, never booked, and such options are not quoted."""
    with desk(tmp_path / "ours", rfq_interval=RFQ_INTERVAL) as venues:
        elsewhere = tmp_path / "elsewhere"
        shutil.copytree(venues.directory / "state", elsewhere / "state")
        another = trader(elsewhere, "--exchange", "sim")
        wait_for(lambda: len(venues.rysk_trades()) >= 6)
        another.send_signal(signal.SIGTERM)
        assert finish(another)[0] == 0
        theirs = venues.rysk_positions()
        ours = venues.trader()
        wait_for(lambda: "position_mismatch" in venues.log("quotes.log"), within_s=40)
        ours.send_signal(signal.SIGTERM)
        code, out, err = finish(ours)
        assert code == 0, err
        assert "position_mismatch" in next(line for line in out.splitlines() if line.startswith("RFQs"))
        told = venues.log("errors.log")
        assert {name: told.count(f"{name}: Rysk holds") for name in theirs} == dict.fromkeys(theirs, 1)
        assert not theirs.keys() & {fill.instrument for fill in records(venues.directory, Fill)}
