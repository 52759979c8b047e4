"""The venue's refusals: code and message belong together, the specifics are in `data` (protocol sheet §9)."""

from typing import Any, Final

from atomizer.errors import AtomizerError

AUTHORIZATION_REQUIRED: Final = 10000
QUANTITY_TOO_LOW: Final = 10002
ORDER_OVERLAP: Final = 10003
ORDER_NOT_FOUND: Final = 10004
PRICE_TOO_LOW: Final = 10005
PRICE_TOO_HIGH: Final = 10007
NOT_ENOUGH_FUNDS: Final = 10009
BOOK_CLOSED: Final = 10012
LOCKED_BY_ADMIN: Final = 10019
TOO_MANY_REQUESTS: Final = 10028
NOT_OWNER: Final = 10029
MUST_BE_WEBSOCKET: Final = 10030
NOT_IMPLEMENTED: Final = 10033
ALREADY_FILLED: Final = 11008
OTHER_REJECT: Final = 11030
BAD_ARGUMENT: Final = 11043
NOT_OPEN_ORDER: Final = 11044
BAD_ARGUMENTS: Final = 11049
SYSTEM_MAINTENANCE: Final = 11051
POST_ONLY_REJECT: Final = 11054
POST_ONLY_NOT_ALLOWED: Final = 11055
INVALID_CREDENTIALS: Final = 13004
UNAUTHORIZED: Final = 13009
VALUE_REQUIRED: Final = 13010
NOT_FOUND: Final = 13020
FORBIDDEN: Final = 13021
MMP_TRIGGER: Final = 13030
NON_UNIQUE_LABEL: Final = 13032
MMP_REQUIRED: Final = 13040
COD_NOT_ENABLED: Final = 13042
QUOTES_FROZEN: Final = 13043
SCOPE_EXCEEDED: Final = 13403
RAW_UNAUTHORIZED: Final = 13778
TIMED_OUT: Final = 13888
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
PARSE_ERROR: Final = -32700

MESSAGES: Final[dict[int, str]] = {
    AUTHORIZATION_REQUIRED: "authorization_required",
    QUANTITY_TOO_LOW: "qty_too_low",
    ORDER_OVERLAP: "order_overlap",
    ORDER_NOT_FOUND: "order_not_found",
    PRICE_TOO_LOW: "price_too_low",
    PRICE_TOO_HIGH: "price_too_high",
    NOT_ENOUGH_FUNDS: "not_enough_funds",
    BOOK_CLOSED: "book_closed",
    LOCKED_BY_ADMIN: "locked_by_admin",
    TOO_MANY_REQUESTS: "too_many_requests",
    NOT_OWNER: "not_owner_of_order",
    MUST_BE_WEBSOCKET: "must_be_websocket_request",
    NOT_IMPLEMENTED: "not_implemented",
    ALREADY_FILLED: "already_filled",
    OTHER_REJECT: "other_reject",
    BAD_ARGUMENT: "bad_argument",
    NOT_OPEN_ORDER: "not_open_order",
    BAD_ARGUMENTS: "bad_arguments",
    SYSTEM_MAINTENANCE: "system_maintenance",
    POST_ONLY_REJECT: "post_only_reject",
    POST_ONLY_NOT_ALLOWED: "post_only_not_allowed",
    INVALID_CREDENTIALS: "invalid_credentials",
    UNAUTHORIZED: "unauthorized",
    VALUE_REQUIRED: "value_required",
    NOT_FOUND: "not_found",
    FORBIDDEN: "forbidden",
    MMP_TRIGGER: "mmp_trigger",
    NON_UNIQUE_LABEL: "non_unique_order_label",
    MMP_REQUIRED: "mmp_required",
    COD_NOT_ENABLED: "cod_not_enabled",
    QUOTES_FROZEN: "quotes_frozen",
    SCOPE_EXCEEDED: "scope_exceeded",
    RAW_UNAUTHORIZED: "raw_subscriptions_not_available_for_unauthorized",
    TIMED_OUT: "timed_out",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    PARSE_ERROR: "Parse error",
}


class Rejection(AtomizerError):
    """The venue says no. `detail` follows the message on the wire, as in "price_too_high 43666.4"."""

    def __init__(self, code: int, reason: str | None = None, *, param: str | None = None, detail: str = "") -> None:
        self.code = code
        self.message = f"{MESSAGES[code]} {detail}".rstrip()
        self.data: dict[str, Any] = {} if reason is None else {"reason": reason}
        if param is not None:
            self.data["param"] = param
        super().__init__(f"{code} {self.message}" + (f": {self.data}" if self.data else ""))


def invalid(param: str, reason: str) -> Rejection:
    """A parameter that cannot be meant."""
    return Rejection(INVALID_PARAMS, reason, param=param)
