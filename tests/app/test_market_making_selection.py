"""Which instruments are quoted: exactly what was named, and a refusal that helps when it is not there."""

from datetime import UTC, datetime

import pytest

from atomizer._core.fixed import NANOS
from atomizer.app.market_making_selection import near_the_money, refresh, select
from atomizer.config.settings import Chain
from atomizer.config.units import Days, Strikes
from atomizer.domain.instruments import Instrument, parse_name
from atomizer.errors import UsageError

NOW_S = int(datetime(2027, 6, 1, 12, tzinfo=UTC).timestamp())


def listed(*names: str, is_active: bool = True) -> list[Instrument]:
    return [
        Instrument(
            venue="derive",
            contract=parse_name(name),
            tick_nanos=1,
            lot_nanos=1,
            min_amount_nanos=1,
            max_amount_nanos=NANOS,
            maker_fee_nanos=0,
            taker_fee_nanos=0,
            base_fee_nanos=0,
            fee_cap_nanos=0,
            is_active=is_active,
        )
        for name in names
    ]


def chain(days, strikes, **changes) -> Chain:
    return Chain(Days.parse(days), Strikes.parse(strikes), **changes)


def names(instruments) -> list[str]:
    return [each.name for each in instruments]


ALL = listed(
    "ETH-PERP",
    *(
        f"ETH-{day}-{strike}-{kind}"
        for day in ("20270602", "20270604")
        for strike in (2900, 3000, 3100)
        for kind in "CP"
    ),
    "BTC-20270604-90000-C",
)


def test_named_strikes_of_named_days_are_taken():
    """Each day, each strike, the kinds that are asked for, of the underlying alone."""
    assert names(select([chain(20270604, "3000")], ALL, NOW_S)) == ["ETH-20270604-3000-C", "ETH-20270604-3000-P"]
    chosen = select([chain("20270602,20270604", [2900, 3100], option_type="P")], ALL, NOW_S)
    assert names(chosen) == [f"ETH-{day}-{strike}-P" for day in (20270602, 20270604) for strike in (2900, 3100)]
    assert len(select([chain(20270604, "all"), chain(20270604, "3000")], ALL, NOW_S)) == 6


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (chain(20270604, "2950"), "no strike 2950: the nearest are 2900, 3000, 3100"),
        (chain(20270603, "3000"), "20270603 is not listed: the nearest are 20270602, 20270604"),
        (chain(20250530, "3000"), "20250530 has passed: the nearest are 20270602, 20270604"),
        (chain(20270604, "3000", underlying="SOL"), "lists no option of SOL"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(wanted, words):
    """A strike or day that is not listed is refused, and the nearest ones are named."""
    with pytest.raises(UsageError, match=words):
        select([wanted], ALL, NOW_S)


def test_without_a_word_the_strikes_round_the_money_more_than_a_day_out():
    """Nearest expiry beyond a day, the strike below and the one above the index, both kinds."""
    chosen = near_the_money(ALL, "ETH", 3040 * NANOS, NOW_S)
    assert names(chosen) == [f"ETH-20270604-{strike}-{kind}" for strike in (3000, 3100) for kind in "CP"]
    with pytest.raises(UsageError, match="more than a day out"):
        near_the_money(ALL, "ETH", 3040 * NANOS, NOW_S + 86_400 * 2)


def test_during_a_run_what_appears_is_taken_in_and_what_is_gone_left_out():
    """A later list gives what is there of the chains, and never an error."""
    later = [*listed("ETH-20270604-3200-C", "ETH-20270604-2900-C"), *listed("ETH-20270604-3000-C", is_active=False)]
    chains = [chain("20270602,20270604", "all"), chain(20270604, "3000")]
    assert names(refresh(chains, later, NOW_S)) == ["ETH-20270604-2900-C", "ETH-20270604-3200-C"]
    assert refresh(chains, ALL, NOW_S + 86_400 * 30) == []
