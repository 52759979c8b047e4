"""JSON-RPC 2.0 framing: a request out of text, an answer or a notification into text.

Every answer says when it came in and went out, in microseconds; this venue takes no time in between.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from atomizer.sim.deribit import codes
from atomizer.sim.deribit.codes import Rejection
from atomizer.sim.deribit.units import NS_PER_US

RequestId = str | int | None


@dataclass(frozen=True, slots=True)
class Request:
    request_id: RequestId
    method: str
    params: dict[str, Any]


def parse_json(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise Rejection(codes.PARSE_ERROR) from None


def request_id_of(frame: Any) -> RequestId:
    """The id to answer with; None when there is none to be had."""
    candidate = frame.get("id") if isinstance(frame, dict) else None
    return candidate if isinstance(candidate, str | int) and not isinstance(candidate, bool) else None


def parse_request(frame: Any) -> Request:
    """{"jsonrpc":"2.0","id":1,"method":"public/get_time","params":{}}

    Raises:
        Rejection: -32600, no request; `params` and `id` may be left out.
    """
    if not isinstance(frame, dict):
        raise Rejection(codes.INVALID_REQUEST, "must be an object, batches are not supported")
    method, params = frame.get("method"), frame.get("params") or {}
    if frame.get("jsonrpc", "2.0") != "2.0":
        raise Rejection(codes.INVALID_REQUEST, "must be 2.0", param="jsonrpc")
    if not isinstance(method, str):
        raise Rejection(codes.INVALID_REQUEST, "value required", param="method")
    if not isinstance(params, dict):
        raise Rejection(codes.INVALID_REQUEST, "must be an object", param="params")
    return Request(request_id_of(frame), method, params)


def build_result(request_id: RequestId, result: Any, now_ns: int) -> str:
    return _answer(request_id, {"result": result}, now_ns)


def build_error(request_id: RequestId, rejection: Rejection, now_ns: int) -> str:
    error: dict[str, Any] = {"code": rejection.code, "message": rejection.message}
    if rejection.data:
        error["data"] = rejection.data
    return _answer(request_id, {"error": error}, now_ns)


def build_notification(channel: str, data: Any, label: str | None) -> str:
    params = {"channel": channel, "data": data} | ({} if label is None else {"label": label})
    return _text({"jsonrpc": "2.0", "method": "subscription", "params": params})


def build_heartbeat(kind: str) -> str:
    return _text({"jsonrpc": "2.0", "method": "heartbeat", "params": {"type": kind}})


def _answer(request_id: RequestId, content: dict[str, Any], now_ns: int) -> str:
    now_us = now_ns // NS_PER_US
    head: dict[str, Any] = {"jsonrpc": "2.0"} if request_id is None else {"jsonrpc": "2.0", "id": request_id}
    return _text({**head, **content, "usIn": now_us, "usOut": now_us, "usDiff": 0, "testnet": True})


def _text(frame: dict[str, Any]) -> str:
    return orjson.dumps(frame).decode()
