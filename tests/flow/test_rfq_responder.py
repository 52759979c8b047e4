"""The whole system as an operator runs it: real processes, real sockets, the venues' own ledgers as the truth."""

import json
import re
import signal
import stat
from decimal import Decimal

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from flow.running import MAKER, check_rysk, desk, finish, held, run, trader, wait_for

# A frozen market never comes back into a price band, and a hedge outside it would wait for that.
WIDE_BAND = {"ATOMIZER__RISK__PRICE_BAND_BPS": "10000"}


def check_derive(rows, ledger):
    """Every open position of practice Derive stands in our inventory with the same figures, digit for digit."""
    ours = held(rows, "derive")
    theirs = {each["instrument_name"]: each for each in ledger["positions"] if Decimal(each["amount"]) != 0}
    assert ours.keys() == theirs.keys()
    for name, row in ours.items():
        venue = theirs[name]
        assert Decimal(row["position"]) == Decimal(venue["amount"])
        assert Decimal(row["average_price_usd"]) == Decimal(venue["average_price_excl_fees"])
        assert Decimal(row["realized_usd"]) == Decimal(venue["realized_pnl_excl_fees"])
        assert Decimal(row["fees_usd"]) == Decimal(venue["total_fees"])
        assert Decimal(row["mark_usd"]) == Decimal(venue["mark_price"])
        assert Decimal(row["unrealized_usd"]) == Decimal(venue["unrealized_pnl_excl_fees"])


@pytest.mark.parametrize(("version", "mode"), [("v2", "option"), ("v3", "perpetual")])
def test_a_run_answers_hedges_ties_and_leaves_nothing(tmp_path, version, mode):
    """RFQs are answered, wins hedged, both ledgers tie to the last digit, no order is left and the exit code is 0."""
    with desk(tmp_path) as venues:
        running = venues.trader("--enable-hedging", "--hedge-mode", mode, DERIVE_API_VERSION=version, **WIDE_BAND)
        wait_for(lambda: len(venues.rysk_ledger()["trades"]) >= 8)
        venues.freeze()
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "ties with the venue's own" in out
        assert "none of ours left at the venue, verified" in out
        assert "0 open" in next(line for line in out.splitlines() if line.startswith("hedges"))
        rows = venues.inventory()["positions"]
        ledger = venues.derive_ledger()
        assert ledger["open_orders"] == []
        check_derive(rows, ledger)
        check_rysk(rows, venues.rysk_positions())
        assert ledger["trades"] > 0


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_derives_own_rfqs_are_answered_hedged_and_tied(tmp_path, version):
    """Quotes are taken, hedged on the same account, taken back at the end; the ledger ties and nothing is left."""
    with desk(tmp_path) as venues:
        flags = ("--rfq-source", "derive", "--enable-hedging")
        running = venues.trader(*flags, DERIVE_API_VERSION=version, **WIDE_BAND)
        wait_for(lambda: "hedged" in venues.log("trades.log"), within_s=60)
        wait_for(lambda: re.search(r": quote (buy|sell) [^,]*, (buy|sell) ", venues.log("quotes.log")))  # a structure
        venues.freeze()
        running.send_signal(signal.SIGINT)
        code, out, err = finish(running)
        assert code == 0, err
        assert "ties with the venue's own" in out
        assert "none of ours left at the venue, verified" in out
        assert " 0 won" not in next(line for line in out.splitlines() if line.startswith("RFQs"))
        ledger = venues.derive_ledger()
        assert ledger["open_orders"] == []
        check_derive(venues.inventory()["positions"], ledger)


def test_orders_by_hand_go_through_the_trader_that_runs(tmp_path):
    """With --enable-manual they pass its gate, trade and are booked by it, over a socket of its user's alone."""
    perp = ("manual-order", "--exchange", "sim", "--instrument", "ETH-PERP", "--time-in-force", "ioc", "--json")
    with desk(tmp_path, rfq_interval="1h") as venues:

        def place(price, amount):
            return finish(run(*perp[:1], tmp_path, *perp[1:], "--side", "buy", "--price", price, "--amount", amount))

        running = venues.trader("--enable-manual", **WIDE_BAND)
        [socket] = wait_for(lambda: list(tmp_path.glob("state/sim/*/manual.sock")))
        assert stat.S_IMODE(socket.stat().st_mode) == 0o600
        code, out, err = place("3000", "0.1")
        assert code == 0, err
        placed = json.loads(out)
        assert (placed["state"], "through the trader" in err) == ("filled", True)
        code, out, _ = place("3000", "99")
        assert (code, "max_order_size" in out) == (7, True)
        running.send_signal(signal.SIGINT)
        assert finish(running)[0] == 0
        [row] = venues.inventory()["positions"]
        assert (row["instrument"], Decimal(row["position"])) == ("ETH-PERP", Decimal("0.1"))
        assert not socket.exists()


def test_derives_rfqs_need_its_account(tmp_path):
    """Another exchange cannot answer them, and an address is no underlying: usage errors that say what to change."""
    for flags, words in (
        (("--exchange", "deribit"), "use --exchange derive"),
        (("--exchange", "derive", "--rfq-assets", "0x" + "ab" * 20), "use names such as ETH"),
    ):
        code, _, err = finish(trader(tmp_path, "--paper", "--rfq-source", "derive", *flags, "--for", "1s"))
        assert (code, words in err) == (2, True), err


def test_limits_change_while_a_trader_runs(tmp_path):
    """A tighter limit in config.yaml stops quotes at once; one that cannot be meant is told and changes nothing."""
    config = tmp_path / "config.yaml"
    with desk(tmp_path, rfq_interval="200ms") as venues:
        running = venues.trader()
        wait_for(lambda: venues.rysk_ledger()["trades"])
        config.write_text("risk: {max_order_size: 0.000001}\n")
        wait_for(lambda: "limits changed: risk.max_order_size 25 → 0.000001" in venues.log("atomizer.log"))
        wait_for(lambda: "declined: max_size: max_order_size 0.000001 exceeded" in venues.log("quotes.log"))
        config.write_text("risk: {max_order_size: none}\n")
        wait_for(lambda: "limits not changed: risk.max_order_size" in venues.log("atomizer.log"))
        running.send_signal(signal.SIGTERM)
        code, out, err = finish(running)
        assert code == 0, err
        assert "max_size" in out


@pytest.mark.parametrize("mode", ["option", "perpetual"])
def test_reports_say_what_the_venues_ledgers_say(tmp_path, mode):
    """Over two runs of practice trading `reports pnl` is the venues' own profit to the last digit, by venue and cause;
    the run that died in between and a rebuild of the tables change nothing.
    """
    with desk(tmp_path) as venues:
        first = venues.trader("--enable-hedging", "--hedge-mode", mode, **WIDE_BAND)
        wait_for(lambda: len(venues.rysk_ledger()["trades"]) >= 4)
        first.kill()
        finish(first)
        second = venues.trader("--enable-hedging", "--hedge-mode", mode, **WIDE_BAND)
        wait_for(lambda: len(venues.rysk_ledger()["trades"]) >= 8)
        # Until then it may still be starting, and what it missed is booked only once it has looked.
        wait_for(
            lambda: (
                {name for name, (amount, _) in venues.rysk_positions().items() if amount}
                <= held(venues.inventory()["positions"], "rysk").keys()
            )
        )
        venues.freeze()
        second.send_signal(signal.SIGINT)
        code, _, err = finish(second)
        assert code == 0, err
        report = venues.pnl("venue,greek")
        profit = {row["venue"]: Decimal(row["pnl_usd"]) for row in report["rows"]}
        assert report["unknown"] == []
        assert profit["derive"] == sum(
            Decimal(each["realized_pnl_excl_fees"])
            + Decimal(each["unrealized_pnl_excl_fees"])
            - Decimal(each["total_fees"])
            for each in venues.derive_ledger()["positions"]
        )
        marks = {row["instrument"]: Decimal(row["mark_usd"]) for row in venues.inventory()["positions"]}
        theirs = venues.rysk_positions().items()
        assert profit["rysk"] == sum(amount * marks[name] - paid for name, (amount, paid) in theirs)
        causes = [name for name in report["total"] if name.endswith("_usd") and name != "pnl_usd"]
        for row in [*report["rows"], report["total"]]:
            assert sum(Decimal(row[name]) for name in causes) == Decimal(row["pnl_usd"])
        assert Decimal(report["total"]["edge_usd"]) > 0
        venues.command("reports", "rebuild", "--exchange", "sim")
        assert venues.pnl("venue,greek") == report


def test_a_killed_trader_goes_on_where_it_was(tmp_path):
    """After SIGKILL in the middle, a restart knows every position, books what it missed, and ties."""
    with desk(tmp_path) as venues:
        first = venues.trader("--enable-hedging")
        wait_for(lambda: venues.derive_ledger()["trades"] >= 3)
        first.kill()
        finish(first)
        before, traded = venues.inventory()["positions"], venues.derive_ledger()["trades"]
        second = venues.trader("--enable-hedging")
        wait_for(lambda: venues.derive_ledger()["trades"] >= traded + 3)
        venues.freeze()
        second.send_signal(signal.SIGTERM)
        code, out, err = finish(second)
        assert code == 0, err
        assert "ties with the venue's own" in out
        rows = venues.inventory()["positions"]
        check_derive(rows, venues.derive_ledger())
        check_rysk(rows, venues.rysk_positions())
        assert {row["instrument"] for row in before} <= {row["instrument"] for row in rows}


def test_a_dry_run_signs_and_sends_nothing(tmp_path):
    """--dry-run prints each quote, signed so that it recovers to the maker, and the venues never hear of it."""
    with desk(tmp_path) as venues:
        code, out, err = finish(venues.trader("--dry-run", "--for", "6s"))
        assert code == 0, err
        frames = [json.loads(line.removeprefix("would send: ")) for line in out.splitlines() if "would send" in line]
        assert frames
        for frame in frames:
            assert recover(frame["params"]) == MAKER
        assert venues.rysk_ledger()["trades"] == []
        assert venues.derive_ledger()["trades"] == 0


def recover(params):
    """Who signed a quote, by eth-account's own reading of the current schema."""
    names = {
        "assetAddress": "address", "chainId": "uint256", "isPut": "bool", "strike": "uint256", "expiry": "uint64",
        "maker": "address", "nonce": "uint64", "price": "uint256", "quantity": "uint256", "isTakerBuy": "bool",
        "validUntil": "uint64", "usd": "address", "collateralAsset": "address",
    }  # fmt: skip
    contracts = {
        84532: "0x0ff34dd648b68f09b199b60b91442e750fd13fdc",
        998: "0x0122db8ed9b9b49f3fd8774d93773c2e2a564e81",
        10143: "0x3b87932046bc3e1bb63c13aba1306f9d398a9cc6",
    }
    chain = params["chainId"]
    domain = {"name": "rysk", "version": "0.0.0", "chainId": chain, "verifyingContract": contracts[chain]}
    message = {name: int(params[name]) if "uint" in kind else params[name] for name, kind in names.items()}
    types = {"Quote": [{"name": name, "type": kind} for name, kind in names.items()]}
    return Account.recover_message(encode_typed_data(domain, types, message), signature=params["signature"])


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (["--rfq-source", "kraken"], 4, "rfq.source"),
        (["--max-delta", "lots"], 4, "risk.max_delta"),
        (["--for", "soon"], 2, "not a duration"),
        (["--max-delta", "0"], 4, "above 0"),
        (["--dummy-price", "-1"], 4, "dummy_price"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_key(tmp_path, flags, code, words):
    """A wrong flag ends with its exit code and one line that names the key."""
    found, out, err = finish(trader(tmp_path, "--paper", *flags))
    assert (found, out) == (code, "")
    assert words in err
    assert "Traceback" not in err


def test_live_trading_without_credentials_lists_what_is_missing(tmp_path):
    """Without credentials a live start is refused with everything that is missing and the way to practise."""
    code, _, err = finish(trader(tmp_path, "--exchange", "derive"))
    assert code == 4
    for name in ("DERIVE_PRIVATE_KEY", "DERIVE_WALLET_ADDRESS", "PRIVATE_KEY", "RFQ_ASSET_ADDRESSES", "--paper"):
        assert name in err


def test_a_key_of_someone_else_is_refused_at_start(tmp_path):
    """A maker key that does not derive the maker address stops the start, and the key is not repeated."""
    key = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"  # public anvil key #1
    environment = {
        "PRIVATE_KEY": key,
        "MAKER_ADDRESS": MAKER,
        "DERIVE_PRIVATE_KEY": key,
        "DERIVE_WALLET_ADDRESS": MAKER,
        "DERIVE_SUBACCOUNT_ID": "1",
        "RFQ_ASSET_ADDRESSES": "0xb67bfa7b488df4f2efa874f4e59242e9130ae61f",
    }
    code, _, err = finish(trader(tmp_path, "--exchange", "derive", "--test", **environment))
    assert code == 4
    assert "MAKER_ADDRESS" in err
    assert key not in err
