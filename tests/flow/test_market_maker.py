"""The market maker as an operator runs it: real processes, real sockets, the venue's own ledger as the truth."""

import re
import signal
import time
from decimal import Decimal

import pytest
from flow.resting import Rest
from flow.running import desk, finish, held, hurried, maker, wait_for

from atomizer.sim.derive import PRACTICE_ACCOUNT

REPLACED = 20  # orders at the least that a market maker moves within some seconds


def sides(orders) -> set[tuple[str, str]]:
    return {(each["instrument_name"], each["direction"]) for each in orders}


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_quotes_rest_and_a_stop_leaves_none(tmp_path, version):
    """Both sides of the chosen instruments rest at the venue; Ctrl-C pulls all of them, and the books tie."""
    with desk(tmp_path) as venues:
        running = maker(tmp_path, "--paper", "--aggression", "0.5", DERIVE_API_VERSION=version)
        wait_for(lambda: len(sides(venues.derive_ledger()["open_orders"])) == 8)
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out
        assert "ties with the venue's own" in out
        assert venues.derive_ledger()["open_orders"] == []


def test_nothing_that_was_replaced_meanwhile_is_taken_for_a_stray(tmp_path):
    """Asked often what rests, by answers that are late, while quotes move: no order of ours is one too many."""
    with desk(tmp_path, fault="derive/delay=0.5%:200ms") as venues:
        (tmp_path / "config.yaml").write_text("market_maker: {keep_ticks: 0}\nrisk: {max_orders_per_second: 1000}")
        flags = ("--exchange", "sim", "--size", "0.5", "--aggression", "0.5", "--for", "20s")
        code, out, err = finish(hurried("market-maker", tmp_path, *flags))
        assert code == 0, err
        assert int(re.search(r"(\d+) replaced", out)[1]) > REPLACED
        assert re.search(r"[1-9]\d* strays", venues.log("atomizer.log")) is None


def test_replacements_of_what_has_ended_are_no_reject_storm(tmp_path):
    """Quotes that someone cancels while we cannot hear of it cost a refusal each, are placed anew, and end no run."""
    with desk(tmp_path, fault="derive/mute=100%:60s") as venues:
        (tmp_path / "config.yaml").write_text("market_maker: {keep_ticks: 0}\nrisk: {max_rejects: 1}")
        running = maker(tmp_path, "--paper", "--aggression", "0.5")
        before = wait_for(lambda: order_ids(venues, 8))
        Rest(venues).call("private/cancel_all", subaccount_id=PRACTICE_ACCOUNT.subaccount_id)
        assert not before & wait_for(lambda: order_ids(venues, 8))
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert re.search(r"refused: .*[1-9]\d* venue_11003", out), out


def order_ids(venues, count) -> set[str]:
    """Of the orders at the venue, once there are so many."""
    found = {each["order_id"] for each in venues.derive_ledger()["open_orders"]}
    return found if len(found) == count else set()


def test_a_dry_run_shows_its_quotes_and_sends_nothing(tmp_path):
    """--dry-run prints where each quote would sit, with the reason why the gate would not let it; nothing leaves."""
    with desk(tmp_path) as venues:
        code, out, err = finish(maker(tmp_path, "--paper", "--dry-run", "--size", "0.01", "--for", "2s"))
        assert code == 0, err
        header, first, *_ = out.splitlines()
        assert " ".join(header.split()) == "instrument bid ask mid fair spread bps market bid market ask why not"
        name, bid, ask, mid, *_ = first.split()
        assert name.startswith("ETH-")
        assert Decimal(bid) < Decimal(mid) < Decimal(ask)
        assert "bid below_minimum, ask below_minimum" in first
        assert venues.derive_ledger()["open_orders"] == []
        assert venues.derive_ledger()["trades"] == 0


def test_quotes_round_a_smile_and_none_round_a_bad_one(tmp_path):
    """With `fair: smile` both sides stand round our own value; one that misses too much is named, and nothing shows."""
    with desk(tmp_path) as venues:
        (tmp_path / "config.yaml").write_text("market_maker: {fair: smile, spread: 300, keep_ticks: 3}")
        running = maker(tmp_path, "--paper", "--aggression", "0")
        wait_for(lambda: len(sides(venues.derive_ledger()["open_orders"])) == 8)
        running.send_signal(signal.SIGINT)
        assert finish(running)[0] == 0
        (tmp_path / "config.yaml").write_text("market_maker: {fair: smile, smile_most_rms: 0.000001}")
        code, out, err = finish(maker(tmp_path, "--paper", "--dry-run", "--for", "1500ms"))
        assert code == 0, err
        assert "bid bad_smile, ask bad_smile" in out
        assert "more than 1e-06" in venues.log("atomizer.log")


def test_what_only_the_venue_can_know_is_refused_with_the_nearest(tmp_path):
    """A past expiry, an unknown strike and a size below the venue's minimum: exit 2, and what would do instead."""
    with desk(tmp_path) as venues:
        for flags, words in (
            (["--expiry", "20250530", "--strikes", "3000"], "has passed: the nearest are"),
            (["--size", "0.01"], "below the venue's smallest order"),
        ):
            code, _, err = finish(maker(tmp_path, "--paper", *flags))
            assert code == 2
            assert words in err
        assert venues.derive_ledger()["open_orders"] == []


def worst(ledger) -> dict[str, Decimal]:
    """By instrument the largest position, either way, that the venue's own account could come to hold."""
    held = {each["instrument_name"]: Decimal(each["amount"]) for each in ledger["positions"]}
    reach = {name: [amount, amount] for name, amount in held.items()}
    for order in ledger["open_orders"]:
        low_high = reach.setdefault(order["instrument_name"], [Decimal(0), Decimal(0)])
        is_buy = order["direction"] == "buy"
        low_high[is_buy] += (Decimal(order["amount"]) - Decimal(order["filled_amount"])) * (1 if is_buy else -1)
    return {name: max(-low, high) for name, (low, high) in reach.items()}


def test_limits_hold_at_the_venue_whatever_fills(tmp_path):
    """At no time do positions and resting orders at the venue together reach beyond a limit, and none is left."""
    with desk(tmp_path, seed=3) as venues:
        flags = ("--size", "0.1", "--max-position", "0.2", "--max-exposure", "0.5", "--min-spread", "1")
        running = maker(tmp_path, "--paper", *flags, "--aggression", "1", "--improvement", "2")
        wait_for(lambda: venues.derive_ledger()["open_orders"])
        for _ in range(60):
            reach = worst(venues.derive_ledger())
            assert all(each <= Decimal("0.2") for each in reach.values()), reach
            assert sum(reach.values()) <= Decimal("0.5"), reach
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "ties with the venue's own" in out
        assert venues.derive_ledger()["open_orders"] == []


def test_what_is_left_of_an_order_stays_where_it_rests(tmp_path):
    """A trade of a part neither moves nor ends the rest, where the limit on the position leaves room for just that."""
    with desk(tmp_path) as venues:
        running = maker(tmp_path, "--paper", "--size", "0.5", "--max-position", "0.5", "--improvement", "2")
        wait_for(lambda: len(sides(venues.derive_ledger()["open_orders"])) == 8)
        venues.freeze()
        bid = next(each for each in venues.derive_ledger()["open_orders"] if each["direction"] == "buy")
        venues.take(bid["instrument_name"], "sell", "0.2")
        wait_for(lambda: bid["instrument_name"] in held(venues.inventory()["positions"], "derive"))
        assert bid["order_id"] in {each["order_id"] for each in venues.derive_ledger()["open_orders"]}
        running.send_signal(signal.SIGINT)
        code, _, err = finish(running)
        assert code == 0, err


def test_limits_change_while_quotes_rest(tmp_path):
    """A limit that is written to the configuration file pulls what is beyond it, and what cannot be meant is told."""
    with desk(tmp_path) as venues:
        running = maker(tmp_path, "--paper", "--aggression", "0.5")
        wait_for(lambda: len(venues.derive_ledger()["open_orders"]) == 8)
        (tmp_path / "config.yaml").write_text("risk: {max_open_orders: 3}")
        wait_for(lambda: len(venues.derive_ledger()["open_orders"]) == 3)
        (tmp_path / "config.yaml").write_text("risk: {max_open_orders: 8, max_order_size: 0.01}")
        wait_for(lambda: "limits not changed" in (tmp_path / "logs" / "atomizer.log").read_text())
        assert len(venues.derive_ledger()["open_orders"]) <= 3
        (tmp_path / "config.yaml").write_text("risk: {max_open_orders: 6, max_orders_per_second: 30}")
        wait_for(lambda: len(venues.derive_ledger()["open_orders"]) == 6)
        (tmp_path / "config.yaml").write_text("risk: {max_open_orders: 6, max_fee_bps: 1}")
        wait_for(lambda: not venues.derive_ledger()["open_orders"])
        running.send_signal(signal.SIGINT)
        code, _, err = finish(running)
        assert code == 0, err
        assert "limits changed: risk.max_open_orders 500 → 3" in err
        assert "risk.max_orders_per_second 20 → 30: takes effect at the next start" in err


def test_a_killed_market_maker_leaves_nothing_and_quotes_again(tmp_path):
    """After SIGKILL the venue pulls every quote by itself; a restart reconciles, quotes, and ends with nothing left."""
    with desk(tmp_path) as venues:
        first = maker(tmp_path, "--paper", "--aggression", "0.5")
        wait_for(lambda: venues.derive_ledger()["open_orders"])
        first.kill()
        finish(first)
        wait_for(lambda: not venues.derive_ledger()["open_orders"])
        second = maker(tmp_path, "--paper", "--aggression", "0.5")
        wait_for(lambda: venues.derive_ledger()["open_orders"])
        second.send_signal(signal.SIGTERM)
        code, out, err = finish(second)
        assert code == 0, err
        assert "none of ours left at the venue, verified" in out


@pytest.mark.parametrize("limit", ["max_daily_loss", "max_drawdown"])
def test_a_loss_beyond_the_limit_ends_the_run(tmp_path, limit):
    """Hit again and again at prices that lose, a market maker stops by itself; nothing rests, the latch says why."""
    (tmp_path / "config.yaml").write_text(f"risk: {{{limit}: 0.05, check_interval: 200ms}}")
    with desk(tmp_path) as venues:
        running = maker(tmp_path, "--paper", "--improvement", "3", "--min-spread", "1")

        def hit():
            for order in venues.derive_ledger()["open_orders"][:1]:
                venues.take(order["instrument_name"], "sell" if order["direction"] == "buy" else "buy", "0.1")
            return running.poll() is not None

        wait_for(hit)
        code, out, err = finish(running)
        assert code == 7, err
        assert "none of ours left at the venue, verified" in out
        assert venues.derive_ledger()["open_orders"] == []
        assert venues.derive_ledger()["trades"]
    (latch,) = tmp_path.glob("state/sim/*/KILLED")
    assert limit in latch.read_text()
