"""The practice venues as their own process, and ccxt's exchanges pointed at them by nothing but addresses.

The keys are the public test keys that the practice venues have accounts for: worth nothing.
"""

import json
import subprocess
import sys
import warnings
from contextlib import asynccontextmanager, contextmanager

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ccxt.pro

DERIVE_WALLET = "0x8772185a1516f0d61fC1c2524926BfC69F95d698"
DERIVE_SUBACCOUNT = 30769
SESSION_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # public anvil key #0
PATIENCE_S = 60.0  # for what takes moments where nothing else runs: only a test that fails waits so long
SESSION_ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"


@contextmanager
def practice_venues(*flags):
    """Where they listen."""
    command = [sys.executable, "-m", "atomizer", "sim", "start", "--exit-with-parent", *flags]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


@asynccontextmanager
async def deribit(endpoints):
    """ccxt's Deribit at practice Deribit."""
    practice = endpoints["deribit"]
    exchange = ccxt.pro.deribit({"apiKey": practice["client_id"], "secret": practice["client_secret"]})
    exchange.urls["api"] = {"rest": practice["http"].removesuffix("/api/v2"), "ws": practice["ws"]}
    try:
        yield exchange
    finally:
        await exchange.close()


@asynccontextmanager
async def derive(endpoints):
    """ccxt's Derive (v3) at practice Derive: a session key that trades for the owner's wallet."""
    exchange = ccxt.pro.derive({"privateKey": SESSION_KEY, "walletAddress": SESSION_ADDRESS})
    exchange.set_sandbox_mode(enable=True)  # the chain that it signs for
    exchange.options |= {"deriveWalletAddress": DERIVE_WALLET, "subaccount_id": DERIVE_SUBACCOUNT}
    base = endpoints["derive"]["http"] + "/v3"
    exchange.urls["api"] = {
        "public": f"{base}/public",
        "private": f"{base}/private",
        "ws": endpoints["derive"]["ws_v3"],
    }
    try:
        yield exchange
    finally:
        await exchange.close()
