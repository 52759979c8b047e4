"""Our account: login, standing and ledger. Pure.

Fields as in the protocol sheet §1 and §3; the samples are the sheet's.
"""

from typing import Any

import msgspec

from atomizer.domain.session import LedgerPosition
from atomizer.venues.derive.wire import Count, Digits, Integer, Name, Word, e18, e18_nearest, read


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The wallet's standing with the venue. Rates are requests a second, with a burst of five seconds' worth."""

    cancel_on_disconnect: bool
    is_rfq_maker: bool
    matching_tps: int
    non_matching_tps: int
    option_tps: int  # of matching requests for each option by itself
    perpetual_tps: int  # and for each perpetual
    subaccount_ids: tuple[int, ...]


class SubaccountState(msgspec.Struct, frozen=True, kw_only=True):
    """What one subaccount is worth and how far from trouble it is; all e18 USD.

    `initial_margin_e18` is headroom: new risk is refused when it and `open_orders_margin_e18`, which is 0 or below,
    would sum to less than 0. `maintenance_margin_e18` below 0 means liquidation.
    """

    subaccount_id: int
    margin_type: str
    value_e18: int
    initial_margin_e18: int
    maintenance_margin_e18: int
    open_orders_margin_e18: int
    is_under_liquidation: bool


class SessionKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that may sign for the wallet. `scope` is v2's word, empty in v3, whose keys have many."""

    address: str
    expiry_s: int
    label: str
    scope: str


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
    websocket_option_tps: Count
    websocket_perp_tps: Count
    subaccount_ids: tuple[Integer, ...]
    is_rfq_maker: bool = False


class _WireSubaccount(msgspec.Struct):
    subaccount_id: Integer
    margin_type: Word
    subaccount_value: Digits
    initial_margin: Digits
    maintenance_margin: Digits
    open_orders_margin: Digits
    is_under_liquidation: bool


class _WireKey(msgspec.Struct):
    public_session_key: Name
    expiry_sec: Integer
    label: Word | None = ""
    scope: Word | None = ""


class _WireKeys(msgspec.Struct):
    public_session_keys: list[_WireKey]


def parse_subaccount(result: Any) -> SubaccountState:
    """Result of private/get_subaccount.

    {"subaccount_id":30769,"margin_type":"SM","subaccount_value":"1000000","initial_margin":"999000",
    "maintenance_margin":"999500","open_orders_margin":"-120.5","is_under_liquidation":false,…}
    """
    wire = read(result, _WireSubaccount, "subaccount")
    return SubaccountState(
        subaccount_id=wire.subaccount_id,
        margin_type=wire.margin_type,
        value_e18=e18_nearest(wire.subaccount_value, "subaccount_value"),
        initial_margin_e18=e18_nearest(wire.initial_margin, "subaccount initial_margin"),
        maintenance_margin_e18=e18_nearest(wire.maintenance_margin, "subaccount maintenance_margin"),
        open_orders_margin_e18=e18_nearest(wire.open_orders_margin, "subaccount open_orders_margin"),
        is_under_liquidation=wire.is_under_liquidation,
    )


def parse_session_keys(result: Any) -> list[SessionKey]:
    """Result of private/session_keys.

    {"public_session_keys":[{"public_session_key":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    "expiry_sec":1790000000,"label":"quoting","scope":"admin","ip_whitelist":[]}]}
    """
    return [
        SessionKey(
            address=wire.public_session_key.lower(),
            expiry_s=wire.expiry_sec,
            label=wire.label or "",
            scope=wire.scope or "",
        )
        for wire in read(result, _WireKeys, "session keys").public_session_keys
    ]


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
    "websocket_matching_tps":1,"websocket_non_matching_tps":5,"websocket_option_tps":1,"websocket_perp_tps":1,
    "subaccount_ids":[30769],"fee_info":{…},…}
    """
    wire = read(result, _WireAccount, "account")
    return Account(
        cancel_on_disconnect=wire.cancel_on_disconnect,
        is_rfq_maker=wire.is_rfq_maker,
        matching_tps=wire.websocket_matching_tps,
        non_matching_tps=wire.websocket_non_matching_tps,
        option_tps=wire.websocket_option_tps,
        perpetual_tps=wire.websocket_perp_tps,
        subaccount_ids=wire.subaccount_ids,
    )


def parse_login(result: Any) -> tuple[int, ...]:
    """Result of public/login: the subaccounts that the key may use, ``[30769]``."""
    return read(result, tuple[Integer, ...], "login")
