"""Decimal text to nanos and back, and rounding to a tick, beside decimal.Decimal."""

from decimal import ROUND_FLOOR, Decimal

import pytest

from atomizer._core import fixed

TEXT = "84604.125"
NANOS = fixed.parse_nanos(TEXT)
TICK_NANOS = 50_000_000
TICK = Decimal("0.05")
SCALE = Decimal(10**9)
CALLS = {"rounds": 1_000, "iterations": 100}  # so short that the clock must not be asked each time


def decimal_parse(text):
    return int(Decimal(text) * SCALE)


def decimal_format(nanos):
    return format((Decimal(nanos) / SCALE).normalize(), "f")


def decimal_floor(price, tick):
    return (price / tick).to_integral_value(ROUND_FLOOR) * tick


@pytest.mark.parametrize("parse", [fixed.parse_nanos, decimal_parse], ids=["atomizer", "decimal"])
def test_parse_nanos(benchmark, parse):
    benchmark.group = "decimal text to nanos"
    assert benchmark.pedantic(parse, (TEXT,), **CALLS) == NANOS


@pytest.mark.parametrize("write", [fixed.format_nanos, decimal_format], ids=["atomizer", "decimal"])
def test_format_nanos(benchmark, write):
    benchmark.group = "nanos to decimal text"
    assert benchmark.pedantic(write, (NANOS,), **CALLS) == TEXT


@pytest.mark.parametrize(
    ("floor", "price", "tick"),
    [(fixed.floor_to, NANOS, TICK_NANOS), (decimal_floor, Decimal(TEXT), TICK)],
    ids=["atomizer", "decimal"],
)
def test_floor_to(benchmark, floor, price, tick):
    benchmark.group = "price down to its tick"
    assert benchmark.pedantic(floor, (price, tick), **CALLS) in (fixed.parse_nanos("84604.1"), Decimal("84604.1"))
