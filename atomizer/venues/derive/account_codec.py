"""Our account: login, standing and ledger. Pure.

Fields as in the protocol sheet §1 and §3; the samples are the sheet's.
"""

from typing import Any

import msgspec

from atomizer.domain.session import LedgerPosition
from atomizer.venues.derive.wire import Count, Digits, Integer, Name, e18, e18_nearest, read


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The wallet's standing with the venue. Rates are requests a second, with a burst of five seconds' worth."""

    cancel_on_disconnect: bool
    is_rfq_maker: bool
    matching_tps: int
    non_matching_tps: int
    subaccount_ids: tuple[int, ...]


class _WirePosition(msgspec.Struct):
    instrument_name: Name
    amount: Digits
    average_price_excl_fees: Digits
    mark_price: Digits
    realized_pnl_excl_fees: Digits
    unrealized_pnl_excl_fees: Digits
    total_fees: Digits


class _WirePositions(msgspec.Struct):
    positions: list[_WirePosition]


class _WireAccount(msgspec.Struct):
    cancel_on_disconnect: bool
    websocket_matching_tps: Count
    websocket_non_matching_tps: Count
    subaccount_ids: tuple[Integer, ...]
    is_rfq_maker: bool = False


def parse_positions(result: Any) -> list[LedgerPosition]:
    """Result of private/get_positions, the flat ones left out.

    {"subaccount_id":30769,"positions":[{"instrument_name":"ETH-PERP","instrument_type":"perp","amount":"-0.5",
    "average_price_excl_fees":"1995","mark_price":"1992.49","realized_pnl_excl_fees":"0",
    "unrealized_pnl_excl_fees":"1.255","total_fees":"0.399",…}]}
    """
    return [
        LedgerPosition(
            instrument=wire.instrument_name,
            amount_e18=e18(wire.amount, f"position {wire.instrument_name} amount"),
            average_price_e18=e18_nearest(wire.average_price_excl_fees, "position average_price_excl_fees"),
            mark_price_e18=e18_nearest(wire.mark_price, "position mark_price"),
            realized_pnl_e18=e18_nearest(wire.realized_pnl_excl_fees, "position realized_pnl_excl_fees"),
            unrealized_pnl_e18=e18_nearest(wire.unrealized_pnl_excl_fees, "position unrealized_pnl_excl_fees"),
            total_fees_e18=e18_nearest(wire.total_fees, "position total_fees"),
        )
        for wire in read(result, _WirePositions, "positions").positions
    ]


def parse_account(result: Any) -> Account:
    """Result of private/get_account.

    {"wallet":"0x8772185a1516f0d61fC1c2524926BfC69F95d698","cancel_on_disconnect":true,"is_rfq_maker":false,
    "websocket_matching_tps":1,"websocket_non_matching_tps":5,"subaccount_ids":[30769],"fee_info":{…},…}
    """
    wire = read(result, _WireAccount, "account")
    return Account(
        cancel_on_disconnect=wire.cancel_on_disconnect,
        is_rfq_maker=wire.is_rfq_maker,
        matching_tps=wire.websocket_matching_tps,
        non_matching_tps=wire.websocket_non_matching_tps,
        subaccount_ids=wire.subaccount_ids,
    )


def parse_login(result: Any) -> tuple[int, ...]:
    """Result of public/login: the subaccounts that the key may use, ``[30769]``."""
    return read(result, tuple[Integer, ...], "login")
