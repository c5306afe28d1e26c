import base64
import json
import re

from .errors import invalid_response

_header_name = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_header_value = re.compile("[\t\x20-\x7e\x80-\xff]*")


def from_http_result(result):
    """
    What a handler returned for an HTTP request, as the HTTP response that AWS makes of it: with a
    `statusCode` it is a whole response, else it is the body of one. Gives head and body; the body
    is bytes, or an iterator to stream.
    """
    if isinstance(result, (str, bytes)) or is_stream(result):
        return lambda_head(200), _body_of(result, False)
    if not isinstance(result, dict) or result.get("statusCode") is None:
        return from_event_result(result)
    head = lambda_head(result["statusCode"], result.get("headers"), result.get("cookies"))
    return head, _body_of(result.get("body"), result.get("isBase64Encoded", False))


def from_event_result(result):
    """What a handler returned for an event: its JSON."""
    return lambda_head(200), result if is_stream(result) else _json_of(result)


def is_stream(value):
    return hasattr(value, "__next__") or hasattr(value, "__anext__")


def as_bytes(chunk):
    """One piece of a streamed body."""
    if isinstance(chunk, str):
        return chunk.encode()
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return bytes(chunk)
    raise invalid_response("its body streams something other than str or bytes")


def lambda_head(status, headers=None, cookies=None):
    pairs = []
    for name, value in (headers or {}).items():
        if value is None:
            continue
        for one in value if isinstance(value, (list, tuple)) else (value,):
            pairs.append(_checked(name, one))
    if not isinstance(cookies or [], (list, tuple)):
        raise invalid_response("cookies must be a list of strings")
    pairs += [_checked("set-cookie", cookie) for cookie in cookies or []]
    if not any(name == "content-type" for name, _ in pairs):
        pairs.append(("content-type", "application/json"))
    return {"status": _status_of(status), "headers": pairs}


def _status_of(status):
    try:
        number = int(status)
        if 200 <= number <= 599 and number == float(status) and not isinstance(status, bool):
            return number
    except (TypeError, ValueError):
        pass
    raise invalid_response("statusCode must be a whole number from 200 to 599")


def _checked(name, value):
    if not isinstance(name, str) or not _header_name.fullmatch(name):
        raise invalid_response(f'"{name}" cannot be the name of a header')
    if isinstance(value, bool):
        value = "true" if value else "false"
    if not isinstance(value, (str, int, float)) or not _header_value.fullmatch(str(value)):
        raise invalid_response(f"header {name} must be text without line breaks, in Latin-1")
    return name.lower(), str(value)


def _body_of(body, is_base64):
    if body is None:
        return b""
    if isinstance(body, str):
        return base64.b64decode(body) if is_base64 else body.encode("utf-8", "replace")
    if isinstance(body, (bytes, bytearray)):
        return body
    return body if is_stream(body) else _json_of(body)


def _json_of(value):
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise invalid_response(f"it is not plain data that JSON can hold ({error})") from None
    return text.encode("utf-8", "replace")
