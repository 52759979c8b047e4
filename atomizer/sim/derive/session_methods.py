"""Methods of a socket: login, subscribe, unsubscribe."""

from typing import Any

from atomizer.sim.derive import codes
from atomizer.sim.derive.auth import authenticate
from atomizer.sim.derive.channels import Channels
from atomizer.sim.derive.codes import Rejection
from atomizer.sim.derive.connection import Connection
from atomizer.sim.derive.methods import Call, Method


def login(call: Call) -> list[int]:
    """The subaccounts that the key may use."""
    params, connection = call.params, _connection(call)
    address = params.address("wallet")
    known = call.engine.wallets.get(address.lower())
    if known is not None and known.address != address and not call.dialect.is_v3:
        raise Rejection(codes.NOT_CHECKSUMMED, address)
    timestamp = _timestamp(call)
    connection.wallet = authenticate(call.engine.wallets, address, timestamp, params.text("signature"), call.now_ns)
    connection.cancels_on_disconnect = connection.wallet.cancel_on_disconnect
    return list(connection.wallet.subaccounts)


def _timestamp(call: Call) -> str:
    """Text; v3 also takes a number."""
    try:
        return call.params.text("timestamp")
    except Rejection:
        if not call.dialect.is_v3:
            raise
        return str(call.params.integer("timestamp"))


def _connection(call: Call) -> Connection:
    """The venue calls these methods for sockets only."""
    if call.connection is None:
        raise Rejection(codes.METHOD_NOT_FOUND, "only over WebSocket")
    return call.connection


class Subscriptions:
    """The two methods that need to know the venue's channels."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def subscribe(self, call: Call) -> dict[str, Any]:
        """Each channel with "ok" or why not; an error when none of them is good."""
        connection = _connection(call)
        status: dict[str, str] = {}
        for name in call.params.texts("channels"):
            try:
                self._channels.subscribe(connection, name, connection.wallet)
                status[name] = "ok"
            except Rejection as rejection:
                status[name] = str(rejection.data)
        if "ok" not in status.values():
            raise Rejection(codes.CHANNELS, status)
        return {"status": status, "current_subscriptions": list(connection.channels)}

    def unsubscribe(self, call: Call) -> dict[str, Any]:
        """Without channels: from all of them."""
        connection = _connection(call)
        names = call.params.texts("channels") if call.params.has("channels") else list(connection.channels)
        status = {name: "ok" if self._channels.unsubscribe(connection, name) else "Not subscribed" for name in names}
        return {"status": status, "remaining_subscriptions": list(connection.channels)}

    def methods(self) -> dict[str, Method]:
        return {
            "public/login": Method(login),
            "subscribe": Method(self.subscribe),
            "unsubscribe": Method(self.unsubscribe),
        }
