"""Names of Deribit and ours: exact both ways, or refused by what they are."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from deribit_captures import FREE, instrument_names
from hypothesis import given
from hypothesis import strategies as st

from atomizer.domain.instruments import NANOS, Contract, OptionType, parse_name
from atomizer.venues.deribit.names import from_deribit, is_combo, to_deribit
from tests.domain.test_instruments import contracts

VECTORS = json.loads((Path(__file__).parents[2] / "data" / "vectors" / "deribit.json").read_text())


@given(contracts)
def test_a_contract_comes_back_as_it_went(contract):
    """Every contract that expires at the venue's hour has one name there, which reads back to the same contract."""
    assert from_deribit(to_deribit(contract)) == contract


@pytest.mark.parametrize("row", VECTORS["instrument_names"], ids=lambda row: row["name"])
def test_names_of_the_vectors(row):
    """A name says underlying, expiry, strike and kind, as the venue's own fields do."""
    contract = from_deribit(row["name"])
    strike_nanos = round(float(row["strike"]) * NANOS)
    kind = OptionType(row["option_type"][0].upper())
    assert contract == Contract(row["prefix"], row["expiry_ms"] // 1000, strike_nanos, kind)
    assert contract.base == row["base"]
    assert to_deribit(parse_name(contract.name)) == row["name"]


def test_every_recorded_name_is_a_contract_or_a_combo():
    """Thousands of names of seven years: each reads exactly or is known for a combo."""
    names = instrument_names()
    combos = {name for name in names if is_combo(name)}
    for name in names - combos:
        contract = from_deribit(name)
        assert to_deribit(parse_name(contract.name)) == name
    assert len(names - combos) > 100
    for name in combos:
        with pytest.raises(ValueError, match="combo"):
            from_deribit(name)
    assert set(json.loads((FREE / "combo_ids.json").read_text())) <= combos


def test_recorded_listings_agree_with_their_names():
    """Strike, expiry and kind that the venue lists are those of the name."""
    for kind in ("option", "future"):
        for row in json.loads((FREE / f"instruments_{kind}.json").read_text()):
            contract = from_deribit(row["instrument_name"])
            assert contract.base == row["base_currency"]
            if not contract.is_perpetual:
                assert datetime.fromtimestamp(row["expiration_timestamp"] / 1000, UTC).timestamp() == contract.expiry_s
            if kind == "option":
                assert contract.strike_nanos == round(row["strike"] * NANOS)
                assert contract.option_type == row["option_type"][0].upper()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("BTC-FS-19MAY26_PERP", "combo"),
        ("BTC-CCAL-22SEP26_21SEP26-82000", "combo"),
        ("BTC_USDC", "spot"),
        ("ETH-02MAY25-3000-C", "not how Deribit writes ETH-2MAY25-3000-C"),
        ("XRP_USDC-30JUN23-0d50-C", "not how Deribit writes XRP_USDC-30JUN23-0d5-C"),
        ("ETH-30FEB25", "30FEB25"),
        ("ETH-30MAI25-3000-C", "month"),
        ("ETH-20250530-3000-C", "not a Deribit instrument name"),
        ("ETH-PERP", "not a Deribit instrument name"),
        ("ETH-30MAY25-3000-X", "not a Deribit instrument name"),
        ("", "not a Deribit instrument name"),
    ],
)
def test_other_names_are_refused_by_what_they_are(name, words):
    """A combo, a spot pair, an impossible day or another spelling is an error that says so and names it."""
    with pytest.raises(ValueError, match=words):
        from_deribit(name)


def test_a_contract_without_a_name_there_is_refused():
    """An expiry at another hour or in another century has no name that would read back."""
    for expiry_s in (1_748_592_000 + 3600, 1_748_592_001, 4_102_473_600):
        with pytest.raises(ValueError, match="no name"):
            to_deribit(Contract("ETH", expiry_s))


@given(st.text(max_size=40) | st.from_regex(r"[A-Z0-9_]{1,9}-[A-Z0-9_d]{1,9}(-[A-Z0-9_d]{1,9}){0,2}", fullmatch=True))
def test_any_text_is_a_name_or_an_error(text):
    """Whatever stands where a name should: the contract that has exactly this name, or a ValueError."""
    try:
        contract = from_deribit(text)
    except ValueError:
        return
    assert to_deribit(contract) == text
