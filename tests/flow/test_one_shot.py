"""Commands that do one thing and end, typed as an operator would, against practice venues."""

import json
import os
import subprocess
from decimal import ROUND_DOWN, Decimal

import aiohttp
import msgspec
import pytest
from aiohttp import web
from running import COMMAND, bare, desk, held

from atomizer.app import custody, practice
from atomizer.app.manual import place_one
from atomizer.app.ticket import Outcome, Ticket
from atomizer.cli.order_view import EXIT_CODES
from atomizer.config.load import load
from atomizer.domain.trading import OrderState, Side
from atomizer.risk.latch import KillLatch


@pytest.fixture(scope="module")
def floor(tmp_path_factory):
    with desk(tmp_path_factory.mktemp("desk"), rfq_interval="60s") as running:
        yield running


def typed(floor, *words, **environment):
    """(exit code, standard output, standard error) of `atomizer WORDS` with nothing else in its environment."""
    command, where, env = [*COMMAND, *words], floor.directory, bare(**environment)
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=where, env=env, timeout=120)
    return done.returncode, done.stdout, done.stderr


def rows_of(floor, *words, **environment):
    """The rows that it prints as JSON."""
    code, out, err = typed(floor, *words, **environment)
    assert code == 0, err
    return json.loads(out)


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_markets_are_listed_without_credentials(floor, version):
    """`markets` lists perpetual and options with prices that make sense, by either API version."""
    found = rows_of(floor, "markets", "--exchange", "sim", "--format", "json", DERIVE_API_VERSION=version)
    assert found[0]["instrument"] == "ETH-PERP"
    assert len(found) > 50
    for row in found:
        assert float(row["mark"]) >= 0
        assert row["bid"] is None or row["ask"] is None or float(row["bid"]) < float(row["ask"])
        assert -1 <= float(row["delta"]) <= 1


def test_one_expiry_is_listed_and_others_are_refused_with_the_nearest_named(floor):
    """`--expiry` keeps one day; a day that is not listed is a usage error that names days that are."""
    everything = rows_of(floor, "markets", "--paper", "--format", "json")
    day = everything[-1]["instrument"].split("-")[1]
    found = rows_of(floor, "markets", "--paper", "--expiry", day, "--format", "json")
    assert found
    assert {row["instrument"].split("-")[1] for row in found} == {day}
    code, out, err = typed(floor, "markets", "--paper", "--expiry", "20200101")
    assert (code, out) == (2, "")
    assert "the nearest are" in err
    assert everything[1]["instrument"].split("-")[1] in err


def test_table_csv_and_json_show_the_same_rows(floor):
    """Each format has a line for each instrument, under headers with units."""
    found = rows_of(floor, "markets", "--paper", "--underlying", "btc", "--format", "json")
    _, table, _ = typed(floor, "markets", "--paper", "--underlying", "btc")
    _, listed, _ = typed(floor, "markets", "--paper", "--underlying", "btc", "--format", "csv")
    names = [row["instrument"] for row in found]
    assert [line.split(",")[0] for line in listed.splitlines()[1:]] == names
    assert [line.split()[0] for line in table.splitlines()[2:]] == names
    assert "index USD" in table.splitlines()[0]


def test_rysk_assets_are_listed(floor):
    """`markets --exchange rysk` lists the tokens that RFQs are about."""
    found = rows_of(floor, "markets", "--paper", "--exchange", "rysk", "--format", "json")
    assert {"ETH", "BTC"} <= {row["underlying"] for row in found}
    assert all(row["address"].startswith("0x") for row in found)


def manual_order(floor, words, **environment):
    """(exit code, what became of it) of `atomizer manual-order --json` at the practice venue."""
    code, out, err = typed(floor, "manual-order", "--paper", "--json", *words.split(), **environment)
    return code, json.loads(out) if out else err


def in_nanos(text):
    """An average of our books, which hold 18 digits of it, as an order tells it."""
    return Decimal(text).quantize(Decimal("1e-9"), ROUND_DOWN)


def test_a_manual_order_is_filled_and_booked(floor):
    """An order that trades is accepted with exit code 0, and our books hold what the venue's ledger holds."""
    wanted = "--instrument ETH-PERP --side buy --price 3000 --amount 0.7 --time-in-force ioc"
    code, placed = manual_order(floor, wanted)
    assert (code, placed["outcome"], placed["state"], placed["filled"]) == (0, "accepted", "filled", "0.7")
    [theirs] = [each for each in floor.derive_ledger()["positions"] if each["instrument_name"] == "ETH-PERP"]
    ours = held(floor.inventory()["positions"], "derive")["ETH-PERP"]
    assert Decimal(ours["position"]) == Decimal(theirs["amount"]) == Decimal("0.7")
    assert in_nanos(ours["average_price_usd"]) == Decimal(placed["average_price"])
    assert Decimal(ours["fees_usd"]) == Decimal(placed["fees"])


def test_a_manual_order_rests_when_the_command_has_ended(floor):
    """What is accepted and not filled stays at the venue under the label that was told."""
    code, placed = manual_order(floor, "--instrument ETH-PERP --side buy --price 2500 --amount 0.1 --post-only")
    assert (code, placed["outcome"], placed["state"]) == (0, "accepted", "open")
    resting = rows_of(floor, "orders", "--paper", "--json")
    assert [row["label"] for row in resting] == [placed["client_id"]]


def test_variables_stand_in_for_flags_and_flags_beat_them(floor):
    """What no flag says comes from ORDER_*; a flag beats its variable."""
    variables = {"ORDER_INSTRUMENT": "ETH-PERP", "ORDER_SIDE": "sell", "ORDER_PRICE": "1", "ORDER_AMOUNT": "0.2"}
    code, placed = manual_order(floor, "--price 3400", **variables)
    assert (code, placed["outcome"], placed["state"]) == (0, "accepted", "open")
    assert (placed["side"], placed["price"], placed["amount"]) == ("sell", "3400", "0.2")


@pytest.mark.parametrize(
    ("words", "code", "outcome", "why"),
    [
        ("--price 1000 --side sell --post-only", 7, "risk refused", "price_band"),
        ("--price 2500.001 --side buy", 7, "risk refused", "off_tick"),
        ("--price 2500 --side buy --amount 9999", 7, "risk refused", "max_size"),
        ("--price 2990 --side buy --post-only", 6, "refused", "11008"),
    ],
)
def test_a_refusal_says_whose_it_was_and_why(floor, words, code, outcome, why):
    """Our own gate's no is exit code 7 and nothing is sent, the venue's is 6 with its code."""
    found = manual_order(floor, f"--instrument ETH-PERP --amount 0.1 {words}")
    assert (found[0], found[1]["outcome"]) == (code, outcome)
    assert why in found[1]["detail"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("", 2, "missing --instrument, --side, --price, --amount"),
        ("--instrument ETH --side buy --price 1 --amount 1", 2, "not an instrument name"),
        ("--instrument ETH-20200131-3000-C --side buy --price 1 --amount 1", 2, "the nearest are"),
        ("--instrument ETH-PERP --side buy --price nan --amount 1", 2, "--price"),
        ("--instrument ETH-PERP --side buy --price 1 --amount 1 --post-only --time-in-force ioc", 2, "drop one"),
        ("--instrument ETH-PERP --side buy --price 1 --amount 1 --exchange rysk", 4, "no orders can be sent there"),
    ],
)
def test_an_order_that_cannot_be_meant_is_refused_before_anything_is_sent(floor, words, code, said):
    """A wrong flag is exit code 2, wrong configuration 4; the error names it and what to do."""
    found, out, err = typed(floor, "manual-order", "--paper", *words.split())
    assert (found, out) == (code, "")
    assert said in err


def test_without_credentials_live_trading_is_refused_with_what_is_missing(floor):
    """No credentials: exit code 4, all that is missing in one line, and the way to practise."""
    variables = {"ORDER_INSTRUMENT": "ETH-PERP", "ORDER_SIDE": "buy", "ORDER_PRICE": "1", "ORDER_AMOUNT": "1"}
    code, _, err = typed(floor, "manual-order", **variables)
    assert code == 4
    assert all(name in err for name in ("DERIVE_PRIVATE_KEY", "DERIVE_WALLET_ADDRESS", "DERIVE_SUBACCOUNT_ID"))
    assert "--paper" in err


def steps_of(floor, *words, **environment):
    """(exit code, {step: (result, found)}) of a check in steps."""
    code, out, err = typed(floor, *words, "--json", **environment)
    assert out, err
    return code, {row["step"]: (row["result"], row["detail"]) for row in json.loads(out)}


@pytest.mark.parametrize(
    ("exchange", "environment"),
    [
        ("derive", {"DERIVE_API_VERSION": "v2"}),
        ("derive", {"DERIVE_API_VERSION": "v3"}),
        ("deribit", {}),
        ("deribit", {"DERIBIT_USE_ED25519": "true"}),
        ("ccxt:deribit", {}),
    ],
)
def test_an_order_is_checked_to_the_end_and_gone(floor, exchange, environment):
    """`test-order --live` signs what the venue would have us sign, places, cancels and sees it gone; nothing rests."""
    where = ("--paper", "--exchange", exchange)
    before = rows_of(floor, "orders", *where, "--json")
    code, steps = steps_of(floor, "test-order", *where, "--live", **environment)
    assert code == 0, steps
    assert list(steps) == ["listing", "risk gate", "signature", "place", "cancel", "verify"]
    assert {result for result, _ in steps.values()} == {"ok"}
    after = rows_of(floor, "orders", *where, "--json")
    assert [row["order_id"] for row in after] == [row["order_id"] for row in before]


def test_a_check_without_live_sends_no_order(floor):
    """Without --live nothing is placed, and the step says so."""
    code, steps = steps_of(floor, "test-order", "--paper", "--instrument", "ETH-PERP", "--side", "sell")
    assert (code, steps["live order"][0]) == (0, "skipped")


def test_an_order_that_the_gate_refuses_is_not_tried_live(floor):
    """A step that fails keeps the real order from being placed; the exit code is the gate's."""
    code, steps = steps_of(floor, "test-order", "--paper", "--live", "--price", "99999")
    assert (code, steps["risk gate"][0], steps["live order"][0]) == (7, "FAILED", "skipped")
    assert steps["signature"][0] == "ok"


class Swallower:
    """Stands before practice Derive's HTTP: forwards, and loses the answers of the methods that it is told to."""

    def __init__(self, base, lost):
        self._base, self._lost = base, lost
        self.port = 0

    async def __aenter__(self):
        app = web.Application()
        app.router.add_post("/{room}/{name}", self._on_request)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        self._session = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_error):
        await self._session.close()
        await self._runner.cleanup()

    async def _on_request(self, request):
        headers = {name: value for name, value in request.headers.items() if name.lower().startswith("x-")}
        url, body = self._base + request.path, await request.read()
        async with self._session.post(url, data=body, headers=headers) as answer:
            text = await answer.read()
        if request.match_info["name"] in self._lost:
            request.transport.abort()
        return web.Response(body=text, content_type="application/json")


async def placed_behind(floor, swallower, price_nanos):
    """What becomes of a resting order when that stands between us and the venue."""
    url = f"ws://127.0.0.1:{swallower.port}/ws"
    endpoints = msgspec.convert(floor.endpoints, practice.Endpoints)
    endpoints = msgspec.structs.replace(
        endpoints, session="behind", derive=msgspec.structs.replace(endpoints.derive, ws_v2=url)
    )
    directory = str(floor.directory / "behind")
    settings = load({"exchange.name": "sim", "journal.directory": directory}, {}, None).settings
    ticket = Ticket(instrument="BTC-PERP", side=Side.BUY, price_nanos=price_nanos, amount_nanos=10**7)
    return await place_one(settings, endpoints, ticket, lambda _line: None)


async def test_a_lost_answer_is_resolved_by_asking(floor):
    """When the answer to an order is lost, its nonce is burned and the venue asked: it is known, none rests."""
    async with Swallower(floor.endpoints["derive"]["http"], {"order"}) as swallower:
        placed = await placed_behind(floor, swallower, 80_000 * 10**9)
    assert (placed.outcome, placed.state) == (Outcome.ACCEPTED, OrderState.CANCELLED)
    assert placed.client_id not in {row["label"] for row in rows_of(floor, "orders", "--paper", "--json")}


async def test_what_cannot_be_found_out_is_unknown(floor, monkeypatch):
    """When asking does not help either, the outcome is unknown and never a guess: the order may well rest."""
    monkeypatch.setattr(custody, "ROUND_S", 0.001)
    lost = {"order", "cancel_by_nonce", "get_order_history"}
    async with Swallower(floor.endpoints["derive"]["http"], lost) as swallower:
        placed = await placed_behind(floor, swallower, 80_001 * 10**9)
    assert (placed.outcome, EXIT_CODES[placed.outcome]) == (Outcome.UNKNOWN, 9)


def test_every_practice_exchange_works_from_here(floor):
    """`test-exchange --all` goes through every exchange: no step fails, each logs in and measures its latency."""
    code, out, err = typed(floor, "test-exchange", "--all", "--paper", "--json")
    assert code == 0, out + err
    rows = json.loads(out)
    assert {row["result"] for row in rows} <= {"ok", "skipped"}
    for exchange in {row["exchange"] for row in rows}:
        done = {row["step"]: row["detail"] for row in rows if row["exchange"] == exchange and row["result"] == "ok"}
        assert {"DNS", "TLS", "public call", "login", "private read", "latency"} <= done.keys(), exchange
        assert "p99" in done["latency"]


def test_an_exchange_that_is_not_there_is_said_to_be_so(tmp_path):
    """When nothing listens, the step that found out says so and the exit code is 6."""
    endpoints = tmp_path / "state" / "sim" / "endpoints.json"
    endpoints.parent.mkdir(parents=True)
    nobody = {"ws": "ws://127.0.0.1:9/", "http": "http://127.0.0.1:9"}
    derive = {"ws_v2": "ws://127.0.0.1:9/ws", "ws_v3": "ws://127.0.0.1:9/v3/ws", "http": "http://127.0.0.1:9"}
    deribit = nobody | {"client_id": "", "client_secret": "", "ed25519_client_id": ""}
    venues = {"derive": derive, "deribit": deribit, "rysk": nobody}
    endpoints.write_text(json.dumps({"session": "none", "seed": 1, "pid": os.getpid(), **venues}))
    command = [*COMMAND, "test-connection", "--paper", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=bare(), timeout=60)
    assert done.returncode == 6
    steps = {row["step"]: row for row in json.loads(done.stdout)}
    assert (steps["DNS"]["result"], steps["TLS"]["result"]) == ("ok", "FAILED")
    assert "127.0.0.1:9" in steps["TLS"]["detail"]


@pytest.mark.parametrize(("words", "code"), [("", 2), ("--all --name derive", 2), ("--name kraken", 4)])
def test_one_exchange_or_all_must_be_named(floor, words, code):
    """Neither, both, or one that there is not: an error before anything is asked."""
    found, out, _ = typed(floor, "test-exchange", *words.split())
    assert (found, out) == (code, "")


def test_deribit_is_traded_in_its_own_units(floor):
    """An option there is priced in coins and an inverse future sized in dollars, in what is listed and what is told."""
    where = ("--paper", "--exchange", "deribit")
    listed = {row["instrument"]: row for row in rows_of(floor, "markets", *where, "--format", "json")}
    future, option = listed["ETH-PERP"], next(row for name, row in listed.items() if name.endswith("-C"))
    assert (option["currency"], future["currency"]) == ("ETH", "USD")
    assert float(option["mark"]) < 1 < float(future["mark"])
    price = str(round(float(future["ask"]) * 1.005))
    words = ("--instrument", "ETH-PERP", "--side", "buy", "--amount", "10", "--time-in-force", "ioc", "--json")
    code, out, err = typed(floor, "manual-order", *where, *words, "--price", price)
    assert code == 0, out + err
    assert json.loads(out)["filled"] == "10"


def test_an_exchange_of_ccxt_trades_like_any_other(floor):
    """`ccxt:NAME` lists, fills and books an order, and shows what rests, by the library's unified API alone."""
    where = ("--paper", "--exchange", "ccxt:deribit")
    words = ("--instrument", "ETH_USDC-PERP", "--json")
    listed = rows_of(floor, "markets", "--paper", "--format", "json")
    price = str(round(float(listed[0]["ask"]) * 1.005))  # one market underlies all practice venues
    taken = ("--side", "buy", "--amount", "0.25", "--time-in-force", "ioc", "--price", price)
    code, out, err = typed(floor, "manual-order", *where, *words, *taken)
    assert code == 0, out + err
    placed = json.loads(out)
    assert (placed["state"], placed["filled"]) == ("filled", "0.25")
    assert Decimal(placed["fees"]) > 0
    ours = held(floor.inventory()["positions"], "ccxt:deribit")["ETH_USDC-PERP"]
    assert Decimal(ours["position"]) == Decimal("0.25")
    assert in_nanos(ours["average_price_usd"]) == Decimal(placed["average_price"])


def test_the_kill_latch_stops_orders_by_hand_too(floor):
    """While the latch of the account is set nothing is placed, and the exit code is 7."""
    latch = KillLatch(floor.directory / "state" / "sim" / floor.endpoints["session"])
    latch.set("a test", 1)
    try:
        code, told = manual_order(floor, "--instrument ETH-PERP --side buy --price 2500 --amount 0.1")
    finally:
        latch.clear()
    assert code == 7
    assert "a test" in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(floor, shell):
    """`completion SHELL` prints a script for the command."""
    code, out, err = typed(floor, "completion", shell)
    assert code == 0, err
    assert "_ATOMIZER_COMPLETE" in out
