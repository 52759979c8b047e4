"""One GET over HTTP, for the few things that venues only tell there."""

import asyncio
import ipaddress
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from atomizer.errors import ConfigError, Disconnected, VenueError

TIMEOUT_S = 10.0
MAX_BODY_BYTES = 16 * 1024 * 1024


async def get(name: str, url: str) -> bytes:
    """Body of a GET; `name` is the peer's word in errors. Plain http:// reaches loopback addresses only.

    Raises:
        ConfigError: not an address we may ask.
        Disconnected: no answer.
        VenueError: an answer that is no success, or too long to be true.
    """
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise ConfigError(f"{name}: {url}: only https://, or http:// to this machine's own address")
    request = f"GET {parts.path}"
    try:
        body = await asyncio.to_thread(_fetch, url)
    except urllib.error.HTTPError as error:
        raise VenueError(name, f"answered {error.code} {error.reason}", request=request) from None
    except (OSError, HTTPException) as error:
        raise Disconnected(name, f"no answer: {error}", request=request, retryable=True) from error
    if len(body) > MAX_BODY_BYTES:
        raise VenueError(name, f"answered more than {MAX_BODY_BYTES} bytes", request=request)
    return body


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The address that was checked is the address that answers."""

    def redirect_request(self, *_redirect: Any, **_named: Any) -> None:
        return None


def _fetch(url: str) -> bytes:
    # Proxies of the environment are not asked: they would see what we talk about with a venue.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    with opener.open(url, timeout=TIMEOUT_S) as answer:
        body: bytes = answer.read(MAX_BODY_BYTES + 1)
        return body


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
