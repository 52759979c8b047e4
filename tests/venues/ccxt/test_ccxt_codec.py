"""ccxt's unified structures, as its Deribit gives them, and its error tree."""

import warnings
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from ccxt_samples import INVERSE, OPTION, PERPETUAL, TRADE
from hypothesis import given
from hypothesis import strategies as st

from atomizer.domain.instruments import USD
from atomizer.domain.trading import OrderState, Side
from atomizer.errors import BadFrame, ConfigError
from atomizer.venues.ccxt import codec, profile

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ccxt

NANOS = 10**9


def listing(market=PERPETUAL, **options):
    options = {"counts_contracts": True, "precision_mode": codec.TICK_SIZE} | options
    return codec.parse_market(market, "ccxt:x", **options)


def test_amounts_in_contracts_become_coins():
    """A linear perpetual of 0.01 coins a contract has lots and sizes in coins, and is paid in dollars."""
    found = listing()
    instrument = found.instrument
    assert (instrument.name, instrument.currency, found.scale) == ("ETH_USDC-PERP", USD, Decimal("0.01"))
    assert (instrument.tick_nanos, instrument.lot_nanos, instrument.min_amount_nanos) == (50_000_000, 10**7, 10**7)
    assert codec.parse_levels([[2937.45, 100.0], [2937.4, 0.0]], found.scale, "book") == [(2937_450_000_000, NANOS)]


def test_inverse_contracts_are_paid_in_their_coin():
    """An inverse perpetual counts dollars and an inverse option coins; both pay in the coin."""
    assert listing(INVERSE).instrument.is_amount_usd
    option = listing(OPTION).instrument
    assert (option.name, option.currency, option.is_amount_usd) == ("ETH-20261130-2875-P", "ETH", False)


@pytest.mark.parametrize(
    "market",
    [
        PERPETUAL | {"type": "spot"},
        PERPETUAL | {"settle": "BTC"},
        PERPETUAL | {"contractSize": "many"},
        PERPETUAL | {"precision": {"amount": "0", "price": "0.05"}},
        PERPETUAL | {"precision": {"amount": "1", "price": "1e-12"}},
        OPTION | {"strike": "nan"},
    ],
)
def test_what_we_cannot_trade_is_left_out_and_not_guessed_at(market):
    """A market of another kind or with a field that will not do is refused with its reason."""
    with pytest.raises(BadFrame):
        listing(market)


def test_precision_in_digits_is_turned_and_in_significant_digits_refused():
    """Two decimal places are a step of 0.01; significant digits make no grid."""
    digits = PERPETUAL | {"precision": {"amount": "0", "price": "2"}}
    assert listing(digits, precision_mode=codec.DECIMAL_PLACES).instrument.tick_nanos == 10_000_000
    with pytest.raises(BadFrame, match="significant"):
        listing(digits, precision_mode=3)


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(6, 9))
def test_doubles_of_a_book_are_the_decimals_that_were_written(units, places):
    """A price that fits a double's fifteen digits is read back as it was written."""
    written = Decimal(units).scaleb(-places)
    assert codec.nanos(float(written), "price") == int(written * NANOS)


@given(
    st.recursive(st.none() | st.text() | st.integers() | st.floats(), lambda inner: st.dictionaries(st.text(), inner))
)
def test_a_number_is_exact_or_refused(value):
    """Whatever stands where a number should: a value in range, or BadFrame."""
    try:
        found = codec.nanos(value, "field")
    except BadFrame:
        return
    assert abs(found) < 2**63


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("open", "0", OrderState.OPEN),
        ("open", "3", OrderState.OPEN),
        ("closed", "10", OrderState.FILLED),
        ("closed", "3", OrderState.CANCELLED),
        ("canceled", "3", OrderState.CANCELLED),
        ("expired", "0", OrderState.EXPIRED),
        ("rejected", "0", OrderState.REFUSED),
    ],
)
def test_an_order_says_how_far_it_is(status, filled, state):
    """ccxt's statuses are ours; what is closed with a rest was not filled whole."""
    order = {"id": "7", "status": status, "amount": "10", "filled": filled, "info": {"label": "hedge.a.1"}}
    update = codec.parse_order(order, listing(), "ccxt:x", "label", 1)
    assert (update.client_id, update.state) == ("hedge.a.1", state)
    assert update.filled_nanos == int(Decimal(filled) * 10**7)


def test_a_status_that_we_do_not_know_is_not_a_guess():
    """An order in a state that ccxt does not name is unreadable."""
    with pytest.raises(BadFrame):
        codec.parse_order({"id": "7", "status": None}, listing(), "ccxt:x", "label", 1)


def test_a_trade_is_booked_to_the_last_digit():
    """Amount, price and fee are exact, the fee in what the instrument pays in; another coin's fee is refused."""
    fill = codec.parse_fill(TRADE, listing(), "ccxt:x", "hedge.a.1", 1)
    assert (fill.side, fill.amount_nanos, fill.fee_e18) == (Side.SELL, 10**8, 1191834232884)
    with pytest.raises(BadFrame, match="BNB"):
        codec.parse_fill(TRADE | {"fee": {"currency": "BNB", "cost": "1"}}, listing(), "ccxt:x", "hedge.a.1", 1)


@pytest.mark.parametrize(
    ("error", "is_unknown"),
    [
        (ccxt.InvalidOrder, False),
        (ccxt.InsufficientFunds, False),
        (ccxt.AuthenticationError, False),
        (ccxt.OrderNotFound, False),
        (ccxt.RateLimitExceeded, False),
        (ccxt.InvalidNonce, False),
        (ccxt.ExchangeError, False),
        (ccxt.RequestTimeout, True),
        (ccxt.ExchangeNotAvailable, True),
        (ccxt.OnMaintenance, True),
        (ccxt.NetworkError, True),
        (ccxt.BadResponse, True),
        (ccxt.NullResponse, True),
        (KeyError, True),
    ],
)
def test_ccxts_errors_are_a_no_or_an_unknown(error, is_unknown):
    """The venue's own no is refused; what went wrong on the way, or in reading the answer, is unknown."""
    assert codec.fault_of(error("words")).is_unknown is is_unknown


def test_every_error_of_ccxt_has_a_meaning():
    """Each class of its tree is one of the two: what is under ExchangeError is never unknown."""
    for kind in vars(ccxt).values():
        if isinstance(kind, type) and issubclass(kind, ccxt.ExchangeError):
            assert not codec.fault_of(kind("words")).is_unknown


def test_what_an_exchange_cannot_do_is_said_at_the_start():
    """A need that ccxt does not declare is a configuration error that lists every lack."""
    exchange = profile.make_exchange("deribit", {}, is_test=False, base_url="http://127.0.0.1:9")
    profile.require("deribit", exchange, profile.TO_TRADE, "hedging")
    exchange.has |= {"fetchMyTrades": False, "fetchPositions": None}
    with pytest.raises(ConfigError, match="own trades, positions"):
        profile.require("deribit", exchange, profile.TO_TRADE, "hedging")


def test_an_exchange_that_there_is_not_is_refused_with_those_near():
    """A name that ccxt does not have, and its neighbours."""
    with pytest.raises(ConfigError, match="binance"):
        profile.make_exchange("binanc", {}, is_test=False)


def test_another_address_keeps_every_path():
    """Scheme and host are replaced in each of an exchange's addresses, and nothing else."""
    exchange = profile.make_exchange("derive", {}, is_test=False, base_url="http://127.0.0.1:9")
    before = profile.make_exchange("derive", {}, is_test=False)
    for room, address in exchange.urls["api"].items():
        moved, original = urlsplit(address), urlsplit(before.urls["api"][room])
        assert (moved.netloc, moved.path) == ("127.0.0.1:9", original.path)
        assert moved.scheme in {"http", "ws"}


def test_credentials_come_from_variables_named_for_the_exchange():
    """CCXT_NAME_ and ccxt's own word."""
    assert profile.credential_names("deribit") == {"apiKey": "CCXT_DERIBIT_API_KEY", "secret": "CCXT_DERIBIT_SECRET"}
