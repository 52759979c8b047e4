"""Deribit's error codes: what each says about the request, whether asking again can help, and what a person should do.

Source: protocol sheet §9, whose words are the venue's own.
"""

from typing import Any, Final, NamedTuple

from atomizer.net.rpc import Fault

TOO_MANY_REQUESTS: Final = 10028
TOO_MANY_AT_ONCE: Final = 10066
INVALID_CREDENTIALS: Final = 13004
UNAUTHORIZED: Final = 13009
NO_HINT_MS: Final = 1_000  # to stay silent when the venue does not say for how long
LONGEST_HOLD_MS: Final = 60_000


class _Known(NamedTuple):
    """A familiar code. Unless it says otherwise, nothing came of the request and asking again cannot help."""

    word: str
    advice: str = ""
    is_unknown: bool = False
    is_retryable: bool = False


_RAISE_TICK: Final = "restart to load the venue's present ticks and lots"
_SCOPE: Final = "give the API key the scopes account:read and trade:read_write"
_KEY: Final = (
    "correct DERIBIT_API_KEY and its secret, which belong to one network only, or make another key if this one has"
    " expired or was removed"
)
_WAIT: Final = "wait for the venue"

ERRORS: Final = {
    10000: _Known("authorization_required", _KEY),
    10001: _Known("error", is_unknown=True),
    10002: _Known("qty_too_low", "raise the size"),
    10003: _Known("order_overlap", "another order of this account stands in the way: cancel it first"),
    10004: _Known("order_not_found"),
    10005: _Known("price_too_low", "the price is below the venue's limit, which the message ends with"),
    10006: _Known("price_too_low4idx", "the price is too low for the index"),
    10007: _Known("price_too_high", "the price is above the venue's limit, which the message ends with"),
    10009: _Known("not_enough_funds", "deposit, or lower size"),
    10010: _Known("already_closed"),
    10011: _Known("price_not_allowed"),
    10012: _Known("book_closed"),
    10013: _Known("pme_max_total_open_orders", "cancel orders that are not needed"),
    10014: _Known("pme_max_future_open_orders", "cancel orders that are not needed"),
    10015: _Known("pme_max_option_open_orders", "cancel orders that are not needed"),
    10016: _Known("pme_max_future_open_orders_size", "lower size"),
    10017: _Known("pme_max_option_open_orders_size", "lower size"),
    10018: _Known("non_pme_max_future_position_size", "lower size"),
    10019: _Known("locked_by_admin", "ask Deribit"),
    10020: _Known("invalid_or_unsupported_instrument"),
    10021: _Known("invalid_amount", _RAISE_TICK),
    10022: _Known("invalid_quantity", _RAISE_TICK),
    10023: _Known("invalid_price", _RAISE_TICK),
    10024: _Known("invalid_max_show"),
    10025: _Known("invalid_order_id"),
    10026: _Known("price_precision_exceeded", _RAISE_TICK),
    10027: _Known("non_integer_contract_amount", _RAISE_TICK),
    TOO_MANY_REQUESTS: _Known("too_many_requests", "send less, or ask Deribit for higher limits", is_retryable=True),
    10029: _Known("not_owner_of_order"),
    10030: _Known("must_be_websocket_request"),
    10031: _Known("invalid_args_for_instrument"),
    10032: _Known("whole_cost_too_low", "raise the size"),
    10033: _Known("not_implemented"),
    10034: _Known("trigger_price_too_high"),
    10035: _Known("trigger_price_too_low"),
    10036: _Known("invalid_max_show_amount"),
    10039: _Known("not_enough_funds_in_currency", "deposit, or lower size"),
    10040: _Known("retry", is_retryable=True),
    10041: _Known("settlement_in_progress", _WAIT, is_retryable=True),
    10043: _Known("price_wrong_tick", _RAISE_TICK),
    10044: _Known("trigger_price_wrong_tick", _RAISE_TICK),
    10047: _Known("matching_engine_queue_full", _WAIT, is_retryable=True),
    10048: _Known("not_on_this_server"),
    10049: _Known("cancel_on_disconnect_failed"),
    TOO_MANY_AT_ONCE: _Known("too_many_concurrent_requests", "send less at once", is_retryable=True),
    10072: _Known("disabled_while_position_lock", "the position is locked: ask Deribit"),
    11008: _Known("already_filled"),
    11021: _Known("post_only_price_modification_not_possible"),
    11029: _Known("invalid_arguments"),
    11030: _Known("other_reject"),
    11031: _Known("other_error", is_unknown=True),
    11035: _Known("no_more_triggers"),
    11037: _Known("outdated_instrument_for_IV_order"),
    11038: _Known("no_adv_for_futures"),
    11039: _Known("no_adv_postonly"),
    11041: _Known("not_adv_order"),
    11042: _Known("permission_denied", _SCOPE),
    11043: _Known("bad_argument"),
    11044: _Known("not_open_order"),
    11045: _Known("invalid_event"),
    11046: _Known("outdated_instrument"),
    11047: _Known("unsupported_arg_combination"),
    11048: _Known("wrong_max_show_for_option"),
    11049: _Known("bad_arguments"),
    11050: _Known("bad_request"),
    11051: _Known("system_maintenance", _WAIT, is_retryable=True),
    11052: _Known("subscribe_error_unsubscribed"),
    11053: _Known("transfer_not_found"),
    11054: _Known("post_only_reject", "the price would have traded at once"),
    11055: _Known("post_only_not_allowed"),
    11056: _Known("unauthenticated_public_requests_temporarily_disabled", "log in first", is_retryable=True),
    11094: _Known("internal_server_error", is_unknown=True, is_retryable=True),
    11098: _Known("account_locked", "ask Deribit"),
    INVALID_CREDENTIALS: _Known("invalid_credentials", _KEY),
    13008: _Known("request_failed", is_unknown=True),
    UNAUTHORIZED: _Known("unauthorized", _KEY),
    13010: _Known("value_required"),
    13012: _Known("unavailable_in_subaccount", "use a key of the main account"),
    13016: _Known("invalid_input"),
    13019: _Known("orderbook_closed"),
    13020: _Known("not_found"),
    13021: _Known("forbidden", _SCOPE),
    13025: _Known("method_switched_off_by_admin", "ask Deribit"),
    13028: _Known("temporarily_unavailable", _WAIT, is_retryable=True),
    13030: _Known("mmp_trigger", "market maker protection has tripped: wait or reset it"),
    13032: _Known("non_unique_order_label"),
    13040: _Known("mmp_required", "set market maker protection for this group first"),
    13042: _Known("cod_not_enabled", "cancel on disconnect must be on before mass quotes"),
    13043: _Known("quotes_frozen", "wait a second", is_retryable=True),
    13403: _Known("scope_exceeded", _SCOPE),
    13503: _Known("unavailable", _WAIT, is_retryable=True),
    13666: _Known("request_cancelled_by_user"),
    13668: _Known("security_key_authorization_error", "use an API key that needs no security key"),
    13777: _Known("replaced"),
    13778: _Known("raw_subscriptions_not_available_for_unauthorized", "log in first"),
    13780: _Known("move_positions_over_limit"),
    13888: _Known("timed_out", "it reached the venue too late: check the connection and this machine's clock"),
    -32000: _Known("missing parameters"),
    -32600: _Known("invalid request"),
    -32601: _Known("method not found"),
    -32602: _Known("invalid parameters"),
    -32700: _Known("parse error"),
}
# The order has ended, or was never there: nothing can come of it any more.
NOTHING_TO_CANCEL: Final = frozenset({10004, 10010, 11008, 11044})
OVERTAKEN: Final = frozenset({11054})  # to an order that may only rest, and would have traded at once
# Channels that the venue does not give us, as opposed to a request that it could not read.
NO_CHANNEL: Final = frozenset({11050, 13778, 13403, 13021, -32602})
_HELD: Final = frozenset({TOO_MANY_REQUESTS, TOO_MANY_AT_ONCE})


def classify(code: int, message: str, data: Any) -> Fault:
    """An error answer → what it means for the request that it answers.

    `data` is what stands beside code and message, decoded: ``{"reason":…,"param":…,"wait":seconds}`` or anything. An
    unfamiliar code leaves the outcome unknown: asking costs little, and believing a no that is none costs an order.
    """
    known = ERRORS.get(code)
    details = data if isinstance(data, dict) else {}
    reason, param = details.get("reason"), details.get("param")
    said = [message, *([f"{param} {reason}" if param else f"{reason}"] if reason else [])]
    if known is None:
        return Fault(code, ": ".join(filter(None, said)), is_unknown=True)
    wait_s = details.get("wait")
    hold_ms = 0
    if code in _HELD:
        is_hint = isinstance(wait_s, int | float) and 0 < wait_s <= LONGEST_HOLD_MS // 1000
        hold_ms = max(round(wait_s * 1000), 1) if is_hint and wait_s is not None else NO_HINT_MS
    words = ": ".join(filter(None, (*said, known.advice)))
    return Fault(code, words, is_unknown=known.is_unknown, is_retryable=known.is_retryable, hold_ms=hold_ms)
