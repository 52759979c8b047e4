"""Single requests over HTTP: for what venues only tell there, and for commands that ask one thing and end."""

import asyncio
import ipaddress
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from atomizer.errors import ConfigError, Disconnected, OutcomeUnknown, VenueError

TIMEOUT_S = 10.0
MAX_BODY_BYTES = 16 * 1024 * 1024
OK = range(200, 300)
# What says for sure that no byte of a request has left. Any other failure may have come after it arrived.
NEVER_SENT = (ConnectionRefusedError, socket.gaierror, ssl.SSLCertVerificationError)


class _Answer(NamedTuple):
    status: int
    reason: str
    body: bytes


async def get(name: str, url: str) -> bytes:
    """Body of a GET; `name` is the peer's word in errors. Plain http:// reaches loopback addresses only.

    Raises:
        ConfigError: not an address we may ask.
        Disconnected: no answer.
        VenueError: an answer that is no success, or too long to be true.
    """
    what = f"GET {urlsplit(url).path}"
    try:
        answer = await _exchange(name, url, None, {})
    except (OSError, HTTPException) as error:
        raise Disconnected(name, f"no answer: {error}", request=what, retryable=True) from error
    return _body(name, what, answer, is_good=answer.status in OK)


async def post(name: str, url: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """Body of the answer to a POST of JSON; of any status, since venues say in the body what is wrong.

    Raises:
        ConfigError: not an address we may ask.
        Disconnected: no connection, so nothing was sent.
        OutcomeUnknown: no answer, and the request may have arrived.
        VenueError: an answer without a body, or too long to be true.
    """
    what = f"POST {urlsplit(url).path}"
    try:
        answer = await _exchange(name, url, body, {"Content-Type": "application/json", **headers})
    except (OSError, HTTPException) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(cause, NEVER_SENT):
            raise Disconnected(name, f"no connection: {cause}", request=what, retryable=True) from error
        raise OutcomeUnknown(name, f"no answer: {cause}", request=what) from error
    return _body(name, what, answer, is_good=bool(answer.body))


def _body(name: str, what: str, answer: _Answer, *, is_good: bool) -> bytes:
    if not is_good:
        raise VenueError(name, f"answered {answer.status} {answer.reason}", request=what)
    if len(answer.body) > MAX_BODY_BYTES:
        raise VenueError(name, f"answered more than {MAX_BODY_BYTES} bytes", request=what)
    return answer.body


async def _exchange(name: str, url: str, body: bytes | None, headers: Mapping[str, str]) -> _Answer:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise ConfigError(f"{name}: {url}: only https://, or http:// to this machine's own address")
    asked = urllib.request.Request(url, data=body, headers=dict(headers))  # noqa: S310  just checked
    return await asyncio.to_thread(_fetch, asked)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The address that was checked is the address that answers."""

    def redirect_request(self, *_redirect: Any, **_named: Any) -> None:
        return None


def _fetch(asked: urllib.request.Request) -> _Answer:
    # Proxies of the environment are not asked: they would see what we talk about with a venue.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        answer = opener.open(asked, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return _Answer(answer.status, answer.reason, answer.read(MAX_BODY_BYTES + 1))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
