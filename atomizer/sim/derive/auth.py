"""Logins: whose timestamp signature this is (protocol sheet §1). The same for sockets and for REST headers."""

from atomizer.sim.derive import codes
from atomizer.sim.derive.accounts import Wallet
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.units import NS_PER_MS, NS_PER_S
from atomizer.sim.derive.verify import login_digest, recover

OWNER_WINDOW_S = 300  # how old or early an owner's own timestamp may be; session keys are exempt


def authenticate(wallets: dict[str, Wallet], address: str, timestamp: str, signature: str, now_ns: int) -> Wallet:
    """The wallet that this signature opens.

    Raises:
        Rejection: 14000 unknown wallet, 14014 not its signature or stale, 14030 its key has expired.
    """
    wallet = wallets.get(address.lower())
    if wallet is None:
        raise Rejection(codes.NO_SUCH_ACCOUNT, address)
    if not (timestamp.isascii() and timestamp.isdigit()):
        raise Rejection(codes.BAD_SIGNATURE, "Timestamp is not a decimal number of milliseconds")
    signer = recover(login_digest(timestamp), signature).lower()
    if signer == wallet.address.lower():
        if abs(int(timestamp) * NS_PER_MS - now_ns) > OWNER_WINDOW_S * NS_PER_S:
            raise Rejection(codes.BAD_SIGNATURE, "Timestamp is stale")
        return wallet
    if signer not in wallet.keys:
        raise Rejection(codes.BAD_SIGNATURE, "Signature does not match data")
    if wallet.keys[signer] * NS_PER_S <= now_ns:
        raise Rejection(codes.KEY_EXPIRED)
    return wallet
