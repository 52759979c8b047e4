"""One GET over HTTP, for the few things that venues only tell there."""

import ipaddress
from urllib.parse import urlsplit

import aiohttp

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
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, allow_redirects=False) as answer:
            body = await answer.content.read(MAX_BODY_BYTES + 1)
            status = answer.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise Disconnected(name, f"no answer: {error}", request=f"GET {parts.path}", retryable=True) from error
    if status != 200 or len(body) > MAX_BODY_BYTES:  # noqa: PLR2004  HTTP's word for success
        raise VenueError(name, f"answered {status} with {len(body)} bytes", request=f"GET {parts.path}")
    return body


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
