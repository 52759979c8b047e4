"""Methods of a session and of a socket: login, heartbeat, subscriptions, cancel on disconnect."""

from typing import Any

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.auth import Session
from atomizer.sim.deribit.channels import Channels
from atomizer.sim.deribit.codes import Rejection, invalid
from atomizer.sim.deribit.limits import Rate
from atomizer.sim.deribit.methods import Call, Method, NoAnswer
from atomizer.sim.deribit.units import NS_PER_S

VERSION = "1.2.26"
SHORTEST_HEARTBEAT_S = 10
_LONGEST_LABEL = 16


def auth(call: Call) -> dict[str, Any]:
    """Over a socket it also logs the socket in."""
    session = call.sessions.grant(call.params, call.now_ns)
    if call.connection is not None:
        call.connection.session = session
        call.connection.cancels_on_disconnect = session.holder.cancels_on_disconnect
    state = call.params.get("state")
    return _token_shape(session, call.now_ns) | ({} if state is None else {"state": state})


def _token_shape(session: Session, now_ns: int) -> dict[str, Any]:
    return {
        "access_token": session.access_token,
        "refresh_token": session.refresh_token,
        "expires_in": (session.expires_ns - now_ns) // NS_PER_S,
        "scope": session.scope,
        "token_type": "bearer",
        "sid": session.refresh_token[-8:],
        "enabled_features": [],
        "mandatory_tfa_status": "disabled",
    }


def fork_token(call: Call) -> dict[str, Any]:
    session = call.sessions.fork(call.params["refresh_token"], call.params["session_name"], call.now_ns)
    return _token_shape(session, call.now_ns)


def logout(call: Call) -> type[NoAnswer]:
    """Closes the socket without an answer; orders stay, whatever was set for disconnects."""
    connection = call.socket
    if call.params.get("invalidate_token", True):
        call.sessions.end(call.session)
    connection.cancels_on_disconnect = False
    connection.close()
    return NoAnswer


def hello(_call: Call) -> dict[str, str]:
    return {"version": VERSION}


def test(call: Call) -> dict[str, str]:
    if call.params.get("expected_result") == "exception":
        raise Rejection(codes.BAD_ARGUMENT, "exception was asked for", param="expected_result")
    return {"version": VERSION}


def set_heartbeat(call: Call) -> str:
    interval_s = int(call.params["interval"])
    if interval_s < SHORTEST_HEARTBEAT_S:
        raise invalid("interval", f"must be at least {SHORTEST_HEARTBEAT_S}")
    call.socket.set_heartbeat(interval_s, call.now_ns)
    return "ok"


def disable_heartbeat(call: Call) -> str:
    call.socket.set_heartbeat(0, call.now_ns)
    return "ok"


def enable_cancel_on_disconnect(call: Call) -> str:
    return _cancel_on_disconnect(call, wanted=True)


def disable_cancel_on_disconnect(call: Call) -> str:
    return _cancel_on_disconnect(call, wanted=False)


def _cancel_on_disconnect(call: Call, *, wanted: bool) -> str:
    """For this connection, or for every new one of the account."""
    if _scope(call) == "account":
        call.holder.cancels_on_disconnect = wanted
    else:
        call.socket.cancels_on_disconnect = wanted
    return "ok"


def get_cancel_on_disconnect(call: Call) -> dict[str, Any]:
    scope = _scope(call)
    enabled = call.holder.cancels_on_disconnect if scope == "account" else call.socket.cancels_on_disconnect
    return {"scope": scope, "enabled": enabled}


def _scope(call: Call) -> str:
    return str(call.params.get("scope", "connection" if call.connection else "account"))


class Subscriptions:
    """The methods that need to know the venue's channels."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    def subscribe(self, call: Call) -> list[str]:
        """The channels that were subscribed; names that mean nothing, or not to this listener, are missing."""
        label = call.params.get("label")
        if label is not None and len(label) > _LONGEST_LABEL:
            raise invalid("label", f"must be at most {_LONGEST_LABEL} characters")
        socket, names = call.socket, dict.fromkeys(call.params["channels"])
        return [name for name in names if self._channels.subscribe(socket, name, label)]

    def unsubscribe(self, call: Call) -> list[str]:
        return [name for name in call.params["channels"] if self._channels.unsubscribe(call.socket, name)]

    def unsubscribe_all(self, call: Call) -> str:
        for name in list(call.socket.channels):
            self._channels.unsubscribe(call.socket, name)
        return "ok"

    def methods(self) -> dict[str, Method]:
        return {
            "public/subscribe": Method(self.subscribe, Rate.SUBSCRIBE),
            "public/unsubscribe": Method(self.unsubscribe),
            "public/unsubscribe_all": Method(self.unsubscribe_all),
            "private/subscribe": Method(self.subscribe, Rate.SUBSCRIBE, area="account"),
            "private/unsubscribe": Method(self.unsubscribe, area="account"),
            "private/unsubscribe_all": Method(self.unsubscribe_all, area="account"),
        }


SESSION_METHODS: dict[str, Method] = {
    "public/auth": Method(auth),
    "public/fork_token": Method(fork_token),
    "private/logout": Method(logout, area="account"),
    "public/hello": Method(hello),
    "public/test": Method(test),
    "public/set_heartbeat": Method(set_heartbeat),
    "public/disable_heartbeat": Method(disable_heartbeat),
    "private/enable_cancel_on_disconnect": Method(enable_cancel_on_disconnect, area="account"),
    "private/disable_cancel_on_disconnect": Method(disable_cancel_on_disconnect, area="account"),
    "private/get_cancel_on_disconnect": Method(get_cancel_on_disconnect, area="account"),
}
