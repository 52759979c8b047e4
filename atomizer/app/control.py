"""A trader's HTTP port: whether it is well, what it does, and the kill latch. No pages, and no order ever.

| request | key | answer |
|---|---|---|
| `GET /health` | no | 200 while it trades, else 503: `{"phase":"quoting","killed":""}` |
| `GET /status` | yes | the picture of itself that it published last, as JSON |
| `POST /kill?reason=…` | yes | gate shut first; 200 once the latch is on the disk, 202 when that does not take it |

The key is a new one each run, in a file that only the trader's user can read and that is a header for curl by itself,
so that it stands in no argument list, no environment and no log. It listens on this machine only unless told
otherwise. Everything is answered from memory and the loop is the trader's own, so a request costs it microseconds.
"""

import asyncio
import contextlib
import hmac
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

from atomizer.app.emergency import Emergency
from atomizer.config.settings import Http
from atomizer.desk.snapshot import SnapshotReader
from atomizer.errors import ConfigError

KEY_FILE: Final = "http.key"
HEALTHY: Final = "quoting"
PORT: Final = 8080
LONGEST_REASON: Final = 200
_CONTROLS: Final = {"kill": "POST", "status": "GET", "health": "GET"}


class Health(msgspec.Struct, frozen=True):
    """What a load balancer or a watchdog asks. `killed` says why nothing may trade any more."""

    phase: str
    killed: str


class Control:
    """The port of one run. Make it, `start`, `stop`."""

    def __init__(self, directory: Path, emergency: Emergency, phase: Callable[[], str]) -> None:
        """`directory` is the book's own; the key and the picture lie there."""
        self._directory = directory
        self._emergency = emergency
        self._phase = phase
        self._key = ""
        self._server: asyncio.Server | None = None

    async def start(self, http: Http) -> str:
        """Listen; where, or in words why not. The port that nobody named may be another trader's already.

        Raises:
            ConfigError: the port that was asked for cannot be had.
        """
        if http.port == 0:
            return "no HTTP port: `atomizer kill` works all the same"
        port = PORT if http.port is None else http.port
        handle = web.Server(self._on_request, access_log=None)
        key_file = self._directory / KEY_FILE
        try:
            self._server = await asyncio.get_running_loop().create_server(handle, http.host, port)
        except OSError as error:
            words = f"{http.host}:{port} cannot be listened on ({error.strerror or error}): name another --http-port"
            if http.port is not None:
                raise ConfigError(f"http.port: {words}, or 0 for none") from None
            return f"no HTTP port: {words}"
        self._key = _write_key(key_file)
        return f"http://{http.host}:{port}: GET /health, and with {key_file} GET /status and POST /kill"

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        self.forget()

    def forget(self) -> None:
        """The key ends with the run, also where the loop has ended before, and where its file cannot be removed."""
        if self._key:
            with contextlib.suppress(OSError):
                (self._directory / KEY_FILE).unlink()
            self._key = ""

    async def _on_request(self, request: web.BaseRequest) -> web.StreamResponse:
        control = request.path.removeprefix("/")
        if control not in _CONTROLS:
            return _answer(web.HTTPNotFound.status_code, {"error": "there are /health, /status and /kill"})
        if request.method != _CONTROLS[control]:
            return _answer(web.HTTPMethodNotAllowed.status_code, {"error": f"/{control} is a {_CONTROLS[control]}"})
        if control == "health":
            return self._health()
        if not self._is_authorized(request.headers.get("Authorization", "")):
            return _answer(web.HTTPUnauthorized.status_code, {"error": f"the key is in {KEY_FILE} beside the journal"})
        return self._status() if control == "status" else await self._kill(request)

    def _is_authorized(self, header: str) -> bool:
        return bool(self._key) and hmac.compare_digest(header.encode(errors="replace"), f"Bearer {self._key}".encode())

    def _health(self) -> web.Response:
        health = Health(self._phase(), self._emergency.killed)
        is_well = health.phase == HEALTHY and not health.killed
        return _answer(web.HTTPOk.status_code if is_well else web.HTTPServiceUnavailable.status_code, health)

    def _status(self) -> web.Response:
        with SnapshotReader(self._directory / "snapshot") as reader:
            picture = reader.read()
        if picture is None:
            return _answer(web.HTTPServiceUnavailable.status_code, {"error": "no picture yet"})
        return _answer(web.HTTPOk.status_code, picture)

    async def _kill(self, request: web.BaseRequest) -> web.Response:
        """A body is never waited for: it may never come."""
        reason = "".join(each for each in request.query.get("reason", "") if each.isprintable())[:LONGEST_REASON]
        self._emergency.kill(f"POST /kill from {request.remote}{': ' if reason else ''}{reason}")
        is_latched = await self._emergency.wait_latched()
        status = web.HTTPOk.status_code if is_latched else web.HTTPAccepted.status_code
        return _answer(status, {"killed": self._emergency.killed, "latched": is_latched})


def _answer(status: int, body: object) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body) + b"\n", content_type="application/json")


def _write_key(path: Path) -> str:
    """A new key, in a file of ours alone from its first moment."""
    key = secrets.token_urlsafe(32)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"Authorization: Bearer {key}\n")
    return key
