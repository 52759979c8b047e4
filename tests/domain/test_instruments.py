"""One name for each contract, and what a venue's listing says about prices and amounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atomizer.domain.instruments import NANOS, USD, Contract, Instrument, OptionType, TickStep, parse_name
from atomizer.domain.trading import Fill, Side

FIRST_DAY, LAST_DAY, EXPIRY_S = 18_262, 47_481, 8 * 3600  # 2020 to 2099

underlyings = st.from_regex(r"[A-Z0-9]{1,8}(_[A-Z]{1,6})?", fullmatch=True)
expiries = st.integers(FIRST_DAY, LAST_DAY).map(lambda day: day * 86_400 + EXPIRY_S)
contracts = st.one_of(
    st.builds(Contract, underlyings),
    st.builds(Contract, underlyings, expiries),
    st.builds(Contract, underlyings, expiries, st.integers(1, 2**63 - 1), st.sampled_from(OptionType)),
)


def listed(contract, currency, tick_steps=()):
    return Instrument("deribit", contract, 100_000, NANOS, NANOS, 100 * NANOS, 0, 0, 0, 0, True, currency, tick_steps)


@given(contracts)
def test_a_name_is_its_contract(contract):
    """Every option, perpetual and dated future has one name, which reads back to the very same contract."""
    assert parse_name(contract.name) == contract
    assert contract.is_perpetual == contract.name.endswith("-PERP")
    assert contract.is_option == (contract.name.count("-") == 3)


@given(contracts)
def test_exposure_is_netted_by_base(contract):
    """What is quoted in a coin of its own is on the same base as what is not."""
    assert contract.underlying.startswith(contract.base)
    assert "_" not in contract.base
    assert Contract(contract.base).base == contract.base


@pytest.mark.parametrize(
    "name", ["", "ETH", "ETH-20250230", "A_B_C-PERP", "ETH-PERP-1", "ETH-20250530-1d5-C", "ETH-2025053\u0660"]
)
def test_what_is_no_name_is_refused(name):
    """Half a name, an impossible day, a pair of pairs or the venue's own spelling is no contract."""
    with pytest.raises(ValueError):  # noqa: PT011  strptime's own words for an impossible day
        parse_name(name)


def test_what_an_amount_counts_follows_from_what_it_is_paid_in():
    """Of what is paid in its coin, options count coins and futures count USD; a fill says the same as its listing."""
    option, future = Contract("ETH", 1_748_592_000, 3000 * NANOS, OptionType.CALL), Contract("ETH")
    for contract, currency, is_usd in [(option, "ETH", False), (future, "ETH", True), (future, USD, False)]:
        fill = Fill(
            now_ns=1,
            venue="deribit",
            trade_id="ETH-1",
            client_id="mm.1.1",
            instrument=contract.name,
            side=Side.BUY,
            price_nanos=1,
            amount_nanos=1,
            fee_e18=0,
            is_maker=True,
            venue_time_ns=1,
            currency=currency,
        )
        assert listed(contract, currency).is_amount_usd is fill.is_amount_usd is is_usd


@pytest.mark.parametrize(
    ("price", "tick"), [(1, 100_000), (5_000_000, 100_000), (5_000_001, 500_000), (10_000_001, 1_000_000)]
)
def test_the_tick_grows_with_the_price(price, tick):
    """The step that counts is the highest one below the price: 0.005 itself is still on the finer grid."""
    steps = (TickStep(5_000_000, 500_000), TickStep(10_000_000, 1_000_000))
    contract = Contract("ETH", 1_748_592_000, 3000 * NANOS, OptionType.CALL)
    assert listed(contract, "ETH", steps).tick_at(price) == tick
    assert listed(contract, "ETH").tick_at(price) == 100_000
    assert listed(contract, "ETH", steps).any_tick_nanos == 1_000_000
    assert listed(contract, "ETH").any_tick_nanos == 100_000
