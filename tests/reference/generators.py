"""Hypothesis strategies for every record that the journal can hold."""

from hypothesis import strategies as st

from atomizer.domain.instruments import Contract, OptionType
from atomizer.domain.quality import MarkedOut, QuotesSampled
from atomizer.domain.trading import (
    CancelSent,
    Fill,
    FundingPaid,
    HedgeClosed,
    HedgeOpened,
    Mark,
    OrderPlaced,
    OrderState,
    OrderUpdate,
    PositionsCompared,
    QuoteAnswered,
    QuoteLeg,
    QuoteOutcome,
    QuoteSent,
    Record,
    Rfq,
    RfqLeg,
    RunStarted,
    RunStopped,
    Settled,
    Side,
    TimeInForce,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
NONCES = st.integers(0, 2**64 - 1)
MONEY = st.integers(-(10**40), 10**40)
WORDS = st.text(max_size=12)
CONTRACTS = st.builds(
    Contract, WORDS, st.integers(0, 2**40), st.integers(0, 2**62), st.sampled_from([None, *OptionType])
)

_BY_FIELD = {
    "contract": CONTRACTS,
    "side": st.sampled_from(Side),
    "state": st.sampled_from(OrderState),
    "outcome": st.sampled_from(QuoteOutcome),
    "time_in_force": st.sampled_from(TimeInForce),
    "nonce": NONCES,
    "fee_e18": MONEY,
    "amount_e18": MONEY,
    "code": st.none() | INT64,
    "differing": st.lists(WORDS, max_size=3).map(tuple),
}
LEGS = st.builds(RfqLeg, CONTRACTS, INT64, st.booleans())
QUOTE_LEGS = st.builds(QuoteLeg, WORDS, st.sampled_from(Side), INT64, INT64, INT64)
_BY_TYPE = {
    tuple[RfqLeg, ...]: st.lists(LEGS, max_size=3).map(tuple),
    tuple[QuoteLeg, ...]: st.lists(QUOTE_LEGS, max_size=3).map(tuple),
    int: INT64,
    str: WORDS,
    bool: st.booleans(),
    float: st.floats(),
}
KINDS = (
    RunStarted,
    RunStopped,
    Rfq,
    QuoteSent,
    QuoteAnswered,
    OrderPlaced,
    CancelSent,
    OrderUpdate,
    Fill,
    FundingPaid,
    Settled,
    HedgeOpened,
    HedgeClosed,
    PositionsCompared,
    Mark,
    MarkedOut,
    QuotesSampled,
)


def _record(kind: type[Record]) -> st.SearchStrategy[Record]:
    types = kind.__annotations__
    return st.builds(
        kind,
        **{name: _BY_FIELD[name] if name in _BY_FIELD else _BY_TYPE[types[name]] for name in kind.__struct_fields__},
    )


RECORDS = st.one_of([_record(kind) for kind in KINDS])
