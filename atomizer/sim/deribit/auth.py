"""Who is calling: the grants of public/auth, the tokens they give, scopes, and the headers of HTTP requests.

Protocol sheet §2. A refresh token works once, and a refresh ends the access token that came with it. Ed25519
signatures are taken as hexadecimal and as base64 of either alphabet, padded or not, since the venue's documents and
its users disagree.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.accounts import ApiKey, Holder
from atomizer.sim.deribit.codes import Rejection, invalid
from atomizer.sim.deribit.units import NS_PER_MS, NS_PER_S

TOKEN_LIFE_S = 900
_CLOCK_WINDOW_MS = 60_000
_TOKEN_BITS = 256
_SIGNATURE_BYTES = 64
_HMAC_HEADER = "deri-hmac-sha256"
_LEVELS = {"none": 0, "read": 1, "read_write": 2}


@dataclass(slots=True, eq=False)
class Session:
    """One grant: whose it is, what it may do, and the tokens that stand for it."""

    holder: Holder
    key: ApiKey
    scope: str
    name: str | None
    access_token: str
    refresh_token: str
    expires_ns: int
    is_over: bool = False

    def is_live(self, now_ns: int) -> bool:
        return not self.is_over and now_ns < self.expires_ns

    def allows(self, area: str, level: str) -> bool:
        granted = dict(word.split(":", 1) for word in self.scope.split() if ":" in word)
        return _LEVELS.get(granted.get(area, "none"), 0) >= _LEVELS[level]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What an HTTP signature covers. `uri` is path and query exactly as sent; `authorization` the header."""

    verb: str
    uri: str
    body: bytes
    authorization: str


@dataclass(slots=True, eq=False)
class Sessions:
    """All keys and tokens of the venue."""

    holders: Mapping[int, Holder]
    random: Random
    _access: dict[str, Session] = field(default_factory=dict)
    _refresh: dict[str, Session] = field(default_factory=dict)
    _revoked: dict[str, int] = field(default_factory=dict)  # by client id, with what a login is answered

    def revoke(self, client_id: str, *, has_expired: bool) -> bool:
        """The key opens nothing any more, and its tokens have ended; whether there was one.

        One that was removed is nobody's, as any other client id: 13004. One that has expired is known and is not let
        in: 13009.
        """
        if all(key.client_id != client_id for holder in self.holders.values() for key in holder.account.keys):
            return False
        self._revoked[client_id] = codes.UNAUTHORIZED if has_expired else codes.INVALID_CREDENTIALS
        for session in self._access.values():
            if session.key.client_id == client_id:
                self.end(session)
        return True

    def grant(self, params: Mapping[str, Any], now_ns: int) -> Session:
        """public/auth.

        Raises:
            Rejection: 13004 wrong credentials, -32602 what the grant needs and was not given.
        """
        kind = params["grant_type"]
        if kind == "refresh_token":
            return self._refreshed(_needed(params, "refresh_token"), now_ns)
        if kind == "client_credentials":
            holder, key = self.by_secret(_needed(params, "client_id"), _needed(params, "client_secret"))
        else:
            holder, key = self._by_signature(params, now_ns)
        return self._open(holder, key, str(params.get("scope", "")), now_ns)

    def by_token(self, token: str, now_ns: int) -> Session:
        session = self._access.get(token)
        if session is None or not session.is_live(now_ns):
            raise Rejection(codes.UNAUTHORIZED, "invalid_token")
        return session

    def by_header(self, request: HttpRequest, now_ns: int) -> Session | None:
        """Whose HTTP request it is; None without a header.

        Raises:
            Rejection: 13009 or 13004, a header that opens nothing.
        """
        kind, _, rest = request.authorization.partition(" ")
        if not kind:
            return None
        if kind.lower() == "bearer":
            return self.by_token(rest.strip(), now_ns)
        if kind.lower() == "basic":
            holder, key = self.by_secret(*_basic(rest))
        elif kind == _HMAC_HEADER:
            holder, key = self._by_hmac_header(rest, request, now_ns)
        else:
            raise Rejection(codes.UNAUTHORIZED, "invalid_authorization_type")
        return Session(holder, key, key.scope, None, "", "", now_ns + NS_PER_S)

    def by_secret(self, client_id: str, secret: str) -> tuple[Holder, ApiKey]:
        holder, key = self._key(client_id)
        if not key.secret or not hmac.compare_digest(key.secret.encode(), secret.encode()):
            raise Rejection(codes.INVALID_CREDENTIALS)
        return holder, key

    def fork(self, refresh_token: str, name: str, now_ns: int) -> Session:
        """public/fork_token: another session of the same key; the old token stays good."""
        session = self._refresh.get(refresh_token)
        if session is None or session.is_over:
            raise Rejection(codes.UNAUTHORIZED, "invalid_token")
        return self._open(session.holder, session.key, f"session:{name} {session.scope}", now_ns)

    def end(self, session: Session) -> None:
        session.is_over = True

    def _by_signature(self, params: Mapping[str, Any], now_ns: int) -> tuple[Holder, ApiKey]:
        holder, key = self._key(_needed(params, "client_id"))
        timestamp, nonce, data = params.get("timestamp"), params.get("nonce", ""), params.get("data", "")
        if timestamp is None:
            raise invalid("timestamp", "value required")
        _check_clock(int(timestamp), now_ns)
        message = f"{timestamp}\n{nonce}\n{data}".encode()
        if not _is_signed(key, message, _needed(params, "signature")):
            raise Rejection(codes.INVALID_CREDENTIALS)
        return holder, key

    def _by_hmac_header(self, text: str, request: HttpRequest, now_ns: int) -> tuple[Holder, ApiKey]:
        """id=AMANDA,ts=1576074319000,sig=56590594…,nonce=1iqt2wls"""
        fields = dict(part.strip().partition("=")[::2] for part in text.split(","))
        if not {"id", "ts", "sig", "nonce"} <= set(fields) or not fields["ts"].isdigit():
            raise Rejection(codes.UNAUTHORIZED, "invalid_authorization_header")
        _check_clock(int(fields["ts"]), now_ns)
        holder, key = self._key(fields["id"])
        head = f"{fields['ts']}\n{fields['nonce']}\n{request.verb}\n{request.uri}\n"
        if not key.secret or not _is_signed(key, head.encode() + request.body + b"\n", fields["sig"]):
            raise Rejection(codes.INVALID_CREDENTIALS)
        return holder, key

    def _key(self, client_id: str) -> tuple[Holder, ApiKey]:
        if client_id in self._revoked:
            raise Rejection(self._revoked[client_id])
        for holder in self.holders.values():
            for key in holder.account.keys:
                if key.client_id == client_id:
                    return holder, key
        raise Rejection(codes.INVALID_CREDENTIALS)

    def _refreshed(self, token: str, now_ns: int) -> Session:
        old = self._refresh.pop(token, None)
        if old is None or old.is_over:
            raise Rejection(codes.INVALID_CREDENTIALS)
        old.is_over = True
        name = f"session:{old.name} " if old.name else ""
        return self._open(old.holder, old.key, name + old.scope, now_ns)

    def _open(self, holder: Holder, key: ApiKey, wanted: str, now_ns: int) -> Session:
        life_s = _life_s(wanted)
        name = next((word.partition(":")[2] for word in wanted.split() if word.startswith("session:")), None)
        session = Session(
            holder=holder,
            key=key,
            scope=_granted(key.scope, wanted, name),
            name=name,
            access_token=f"{now_ns // NS_PER_MS}.{self._token()}",
            refresh_token=f"{now_ns // NS_PER_MS}.{self._token()}",
            expires_ns=now_ns + life_s * NS_PER_S,
        )
        self._access[session.access_token] = session
        self._refresh[session.refresh_token] = session
        return session

    def _token(self) -> str:
        return f"{self.random.getrandbits(_TOKEN_BITS):064x}"


def _needed(params: Mapping[str, Any], name: str) -> str:
    if params.get(name) is None:
        raise invalid(name, "value required")
    return str(params[name])


def _check_clock(timestamp_ms: int, now_ns: int) -> None:
    if abs(timestamp_ms - now_ns // NS_PER_MS) > _CLOCK_WINDOW_MS:
        raise Rejection(codes.INVALID_CREDENTIALS)


def _basic(text: str) -> tuple[str, str]:
    try:
        client_id, _, secret = base64.b64decode(text.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise Rejection(codes.UNAUTHORIZED, "invalid_authorization_header") from None
    return client_id, secret


def _is_signed(key: ApiKey, message: bytes, signature: str) -> bool:
    if key.secret:
        expected = hmac.new(key.secret.encode(), message, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.encode())
    raw = _signature_bytes(signature)
    return raw is not None and _verify_ed25519(bytes.fromhex(key.public_key), message, raw)


def _signature_bytes(text: str) -> bytes | None:
    """Hexadecimal, or base64 of either alphabet."""
    try:
        if len(text) == 2 * _SIGNATURE_BYTES:
            raw = bytes.fromhex(text)
        else:
            plain = text.rstrip("=").replace("-", "+").replace("_", "/")
            raw = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw if len(raw) == _SIGNATURE_BYTES else None


def _verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    from nacl.exceptions import BadSignatureError  # noqa: PLC0415  start-up need not wait for it
    from nacl.signing import VerifyKey  # noqa: PLC0415

    try:
        VerifyKey(public_key).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def _life_s(wanted: str) -> int:
    for word in wanted.split():
        name, _, value = word.partition(":")
        if name == "expires" and value.isdigit():
            return int(value)
    return TOKEN_LIFE_S


def _granted(of_key: str, wanted: str, name: str | None) -> str:
    """The key's scope, cut to what was wanted where anything was; read_write implies read."""
    areas = dict(word.split(":") for word in of_key.split())
    asked = dict(word.split(":", 1) for word in wanted.split() if word.partition(":")[0] in areas)
    for area, level in asked.items():
        if level not in _LEVELS:
            raise invalid("scope", f"unknown level of {area}")
        areas[area] = min(areas[area], level, key=_LEVELS.__getitem__)
    head = f"session:{name}" if name else "connection"
    return " ".join([head, "mainaccount", *(f"{area}:{level}" for area, level in areas.items())])
