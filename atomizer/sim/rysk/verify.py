"""What is refused of a signed message, up to its signature. Nonces and money are the accounts' business.

Only the current schema is known; signatures by those of 2025 recover to strangers and are refused as such. eth-account
takes about a second to import, so it is imported at the first signature; `warm_up` does that ahead.
Source: Rysk V12 fact sheet, section 3.
"""

import re
from typing import Final

from atomizer.sim.rysk.chains import CHAINS
from atomizer.sim.rysk.wire import ASSET_MISMATCH, Quote, Refusal, Terms, Transfer, internal, invalid

_SIGNATURE = re.compile(r"0x[0-9a-fA-F]{130}")
_HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # secp256k1 n // 2
_RECOVERY_BYTES: Final = (27, 28)
_SECOND_NS: Final = 1_000_000_000

_QUOTE_TYPE: Final = {
    "Quote": [
        {"name": "assetAddress", "type": "address"},
        {"name": "chainId", "type": "uint256"},
        {"name": "isPut", "type": "bool"},
        {"name": "strike", "type": "uint256"},
        {"name": "expiry", "type": "uint64"},
        {"name": "maker", "type": "address"},
        {"name": "nonce", "type": "uint64"},
        {"name": "price", "type": "uint256"},
        {"name": "quantity", "type": "uint256"},
        {"name": "isTakerBuy", "type": "bool"},
        {"name": "validUntil", "type": "uint64"},
        {"name": "usd", "type": "address"},
        {"name": "collateralAsset", "type": "address"},
    ]
}
_TRANSFER_TYPE: Final = {
    "Transfer": [
        {"name": "user", "type": "address"},
        {"name": "asset", "type": "address"},
        {"name": "chainId", "type": "uint256"},
        {"name": "amount", "type": "uint256"},
        {"name": "isDeposit", "type": "bool"},
        {"name": "nonce", "type": "uint64"},
    ]
}


def refuse_quote(quote: Quote, terms: Terms, now_ns: int) -> Refusal | None:
    """Why a quote for an RFQ with these terms is not taken now, or None: it echoes, is in time and the maker's own."""
    if not quote.echoes(terms):
        return Refusal(ASSET_MISMATCH, "asset mismatch", "a field differs from the RFQ, perhaps by its case")
    if quote.maker != quote.maker.lower():
        return internal(f"maker {quote.maker} must be in lower case")
    if quote.valid_until_s * _SECOND_NS <= now_ns:
        return internal(f"validUntil {quote.valid_until_s} is past")
    if (signer := quote_signer(quote)) != quote.maker:
        return internal(f"the signature recovers to {signer}, not to the maker")
    return None


def refuse_transfer(transfer: Transfer, *, is_deposit: bool) -> Refusal | None:
    """Why a deposit (or withdrawal) is not carried out, or None."""
    chain = CHAINS.get(transfer.chain_id)
    if chain is None or transfer.asset != chain.usd:
        return Refusal(ASSET_MISMATCH, "asset mismatch", f"{transfer.asset} is not the strike asset of the chain")
    if transfer.is_deposit != is_deposit:
        return invalid("isDeposit contradicts the method")
    if transfer.user != transfer.user.lower():
        return internal(f"user {transfer.user} must be in lower case")
    if (signer := transfer_signer(transfer)) != transfer.user:
        return internal(f"the signature recovers to {signer}, not to the user")
    return None


def quote_signer(quote: Quote) -> str | None:
    """The address in lower case that signed exactly these values, or None where no address can be recovered."""
    message: dict[str, object] = {
        "assetAddress": quote.asset,
        "chainId": quote.chain_id,
        "isPut": quote.is_put,
        "strike": quote.strike_e8,
        "expiry": quote.expiry_s,
        "maker": quote.maker,
        "nonce": quote.nonce,
        "price": quote.price_e18,
        "quantity": quote.quantity_e18,
        "isTakerBuy": quote.is_taker_buy,
        "validUntil": quote.valid_until_s,
        "usd": quote.usd,
        "collateralAsset": quote.collateral,
    }
    return _signer(quote.chain_id, _QUOTE_TYPE, message, quote.signature)


def transfer_signer(transfer: Transfer) -> str | None:
    """As `quote_signer`, for a deposit or withdrawal."""
    message: dict[str, object] = {
        "user": transfer.user,
        "asset": transfer.asset,
        "chainId": transfer.chain_id,
        "amount": transfer.amount,
        "isDeposit": transfer.is_deposit,
        "nonce": transfer.nonce,
    }
    return _signer(transfer.chain_id, _TRANSFER_TYPE, message, transfer.signature)


def warm_up() -> None:
    """Pay for the imports and the first use of eth-account; safe in a thread beside the venue."""
    zero = "0x" + 40 * "0"
    transfer_signer(
        Transfer(zero, zero, next(iter(CHAINS)), 1, is_deposit=True, nonce=0, signature=f"0x{1:064x}{1:064x}1b")
    )


def _signer(
    chain_id: int, types: dict[str, list[dict[str, str]]], message: dict[str, object], signature: str
) -> str | None:
    chain = CHAINS.get(chain_id)
    if chain is None or not _SIGNATURE.fullmatch(signature):
        return None
    raw = bytes.fromhex(signature[2:])
    # The contracts refuse a high s and any recovery byte but 27 and 28, although the mathematics would take them.
    if raw[64] not in _RECOVERY_BYTES or int.from_bytes(raw[32:64]) > _HALF_ORDER:
        return None
    from eth_account import Account  # noqa: PLC0415  takes a second to import, see the module's docstring
    from eth_account.messages import encode_typed_data  # noqa: PLC0415  as above
    from eth_keys.exceptions import BadSignature  # noqa: PLC0415  as above
    from eth_utils.exceptions import ValidationError  # noqa: PLC0415  as above

    domain = {"name": "rysk", "version": "0.0.0", "chainId": chain_id, "verifyingContract": chain.contract}
    try:
        signer = Account.recover_message(encode_typed_data(domain, types, message), signature=raw)
    except (BadSignature, ValidationError):
        return None
    return str(signer).lower()
