"""JSON-RPC framing: a request out of text, an answer or a notification into text."""

from dataclasses import dataclass
from typing import Any

import orjson

from atomizer.sim.derive import codes
from atomizer.sim.derive.codes import MESSAGES, Rejection
from atomizer.sim.derive.dialect import Dialect

RequestId = str | int | None


@dataclass(frozen=True, slots=True)
class Request:
    request_id: RequestId
    method: str
    params: dict[str, Any]


def parse_json(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Rejection(codes.PARSE_ERROR, str(error)) from None


def request_id_of(frame: Any) -> RequestId:
    """The id to answer with; None when there is none to be had."""
    candidate = frame.get("id") if isinstance(frame, dict) else None
    return candidate if isinstance(candidate, str | int) and not isinstance(candidate, bool) else None


def parse_request(frame: Any) -> Request:
    """{"id":1,"method":"public/get_time","params":{}}

    Raises:
        Rejection: -32600, no request; `params` may be left out.
    """
    if not isinstance(frame, dict):
        raise Rejection(codes.INVALID_REQUEST, "Not an object")
    request_id, method, params = request_id_of(frame), frame.get("method"), frame.get("params", {})
    if request_id is None:
        raise Rejection(codes.INVALID_REQUEST, "id must be a string or an integer")
    if not isinstance(method, str):
        raise Rejection(codes.INVALID_REQUEST, "method must be a string")
    if not isinstance(params, dict):
        raise Rejection(codes.INVALID_REQUEST, "params must be an object")
    return Request(request_id, method, params)


def parse_params(body: bytes) -> dict[str, Any]:
    """The body of a REST call: the parameters alone; nothing is no parameters."""
    params = parse_json(body) if body else {}
    if not isinstance(params, dict):
        raise Rejection(codes.INVALID_REQUEST, "params must be an object")
    return params


def error_object(rejection: Rejection, dialect: Dialect) -> dict[str, Any]:
    """v3 always has `data`, if only null."""
    error: dict[str, Any] = {"code": rejection.code, "message": MESSAGES[rejection.code]}
    if rejection.data is not None or dialect.is_v3:
        error["data"] = rejection.data
    return error


def build_result(dialect: Dialect, request_id: RequestId, result: Any) -> str:
    return _text({**dialect.envelope, "id": request_id, "result": result})


def build_error(dialect: Dialect, request_id: RequestId, rejection: Rejection) -> str:
    return _text({**dialect.envelope, "id": request_id, "error": error_object(rejection, dialect)})


def build_notification(dialect: Dialect, channel: str, data: Any) -> str:
    return _text({**dialect.envelope, "method": "subscription", "params": {"channel": channel, "data": data}})


def _text(frame: dict[str, Any]) -> str:
    return orjson.dumps(frame).decode()
