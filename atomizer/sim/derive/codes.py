"""The venue's refusals: one fixed message per code, the specifics in `data` (protocol sheet §5, "Error codes")."""

from typing import Any, Final

from atomizer.errors import AtomizerError

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
RATE_LIMITED: Final = -32000
TOO_MANY_CONNECTIONS: Final = -32100
INSUFFICIENT_FUNDS: Final = 11000
ALREADY_CANCELLED: Final = 11003
ALREADY_FILLED: Final = 11004
ALREADY_EXPIRED: Final = 11005
NO_SUCH_ORDER: Final = 11006
SELF_CROSS: Final = 11007
POST_ONLY: Final = 11008
ZERO_LIQUIDITY: Final = 11009
POST_ONLY_TYPE: Final = 11010
SIGNATURE_EXPIRY: Final = 11011
AMOUNT: Final = 11012
LIMIT_PRICE: Final = 11013
FILL_OR_KILL: Final = 11014
MMP_FROZEN: Final = 11015
NONCE_REUSED: Final = 11017
NONCE_DATE: Final = 11018
OPEN_ORDER_LIMIT: Final = 11019
NOT_LIVE: Final = 11021
REJECT_TIMESTAMP: Final = 11022
MAX_FEE: Final = 11023
REDUCE_ONLY_TIME: Final = 11024
REDUCE_ONLY: Final = 11025
EXPECTED_FILLED: Final = 11028
DUPLICATE_LEGS: Final = 11100
NO_SUCH_RFQ: Final = 11101
NO_SUCH_QUOTE: Final = 11102
LEGS_DIFFER: Final = 11103
NOT_OPEN: Final = 11104
QUOTE_MISMATCH: Final = 11105
COUNTERPARTY: Final = 11106
COST_BAND: Final = 11107
NO_SUCH_INSTRUMENT: Final = 12001
NO_SUCH_CURRENCY: Final = 12002
CHANNELS: Final = 13000
NO_SUCH_ACCOUNT: Final = 14000
NO_SUCH_SUBACCOUNT: Final = 14001
NOT_CHECKSUMMED: Final = 14012
NOT_AN_ADDRESS: Final = 14013
BAD_SIGNATURE: Final = 14014
WALLET_MISMATCH: Final = 14020
NO_WALLET: Final = 14021
SIGNER_UNKNOWN: Final = 14023
SUBJECT_MISSING: Final = 14025
NOT_RFQ_MAKER: Final = 14027
CROSS_CURRENCY: Final = 14028
KEY_EXPIRED: Final = 14030
SCOPE_TOO_LOW: Final = 14031

MESSAGES: Final[dict[int, str]] = {
    PARSE_ERROR: "Parse error",
    INVALID_REQUEST: "Invalid Request",
    METHOD_NOT_FOUND: "Method not found",
    INVALID_PARAMS: "Invalid params",
    RATE_LIMITED: "Rate limit exceeded",
    TOO_MANY_CONNECTIONS: "Number of concurrent websocket clients limit exceeded",
    INSUFFICIENT_FUNDS: "Insufficient funds",
    ALREADY_CANCELLED: "Already cancelled",
    ALREADY_FILLED: "Already filled",
    ALREADY_EXPIRED: "Already expired",
    NO_SUCH_ORDER: "Does not exist",
    SELF_CROSS: "Self-crossing disallowed",
    POST_ONLY: "Post-only reject",
    ZERO_LIQUIDITY: "Zero liquidity for market or IOC/FOK order",
    POST_ONLY_TYPE: "Post-only invalid order type",
    SIGNATURE_EXPIRY: "Invalid signature expiry",
    AMOUNT: "Invalid amount",
    LIMIT_PRICE: "Invalid limit price",
    FILL_OR_KILL: "Fill-or-kill not filled",
    MMP_FROZEN: "MMP frozen",
    NONCE_REUSED: "Non unique nonce",
    NONCE_DATE: "Invalid nonce date",
    OPEN_ORDER_LIMIT: "Open orders limit exceeded",
    NOT_LIVE: "Instrument is not live",
    REJECT_TIMESTAMP: "Reject timestamp exceeded",
    MAX_FEE: "Max fee order param is too low",
    REDUCE_ONLY_TIME: "Reduce only not supported with this time in force",
    REDUCE_ONLY: "Reduce only reject",
    EXPECTED_FILLED: "Replaced order filled amount does not match expected state.",
    DUPLICATE_LEGS: "Leg instruments are not unique",
    NO_SUCH_RFQ: "RFQ not found",
    NO_SUCH_QUOTE: "Quote not found",
    LEGS_DIFFER: "Quote leg does not match RFQ leg",
    NOT_OPEN: "Requested quote or RFQ is not open",
    QUOTE_MISMATCH: "Requested quote ID references a different RFQ ID",
    COUNTERPARTY: "Invalid RFQ counterparty",
    COST_BAND: "Quote maker total cost too high",
    NO_SUCH_INSTRUMENT: "Instrument not found",
    NO_SUCH_CURRENCY: "Currency not found",
    CHANNELS: "Invalid channels",
    NO_SUCH_ACCOUNT: "Account not found",
    NO_SUCH_SUBACCOUNT: "Subaccount not found",
    NOT_CHECKSUMMED: "Address must be checksummed",
    NOT_AN_ADDRESS: "String is not a valid ethereum address",
    BAD_SIGNATURE: "Signature invalid for message or transaction",
    WALLET_MISMATCH: "Wallet does not match the requested subaccount_id or wallet",
    NO_WALLET: "Wallet not provided",
    SIGNER_UNKNOWN: "Signer in on-chain related request is not wallet owner or registered session key",
    SUBJECT_MISSING: "The private request is missing a wallet or subaccount_id param",
    NOT_RFQ_MAKER: "Not authorized as RFQ maker",
    CROSS_CURRENCY: "Cross currency RFQ not supported",
    KEY_EXPIRED: "Session key expired",
    SCOPE_TOO_LOW: "Unauthorized key scope",
}


class Rejection(AtomizerError):
    """The venue says no. `data` is what the code alone does not say: text, an object, or nothing."""

    def __init__(self, code: int, data: Any = None) -> None:
        super().__init__(f"{code} {MESSAGES[code]}" + ("" if data is None else f": {data}"))
        self.code = code
        self.data = data
