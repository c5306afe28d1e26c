import base64
import re
import time
from urllib.parse import parse_qsl

_text_types = re.compile(r"text/.*|application/(json|javascript|xml|.*\+json|.*\+xml)")


def to_lambda_event(head, body, function_name):
    """
    An HTTP request as the event of a Lambda function URL, payload format 2.0. Members that have
    nothing to say are absent, not None.
    """
    raw_path, _, raw_query = head["url"].partition("?")
    headers = _joined((name.lower(), value) for name, value in head["headers"])
    domain = headers.get("host", "localhost")
    now = time.time()
    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": raw_query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": function_name,
            "domainName": domain,
            "domainPrefix": domain.split(".")[0],
            "http": {
                "method": head["method"],
                "path": raw_path,
                "protocol": "HTTP/1.1",
                "sourceIp": head["sourceIp"],
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": head["id"],
            "routeKey": "$default",
            "stage": "$default",
            "time": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "timeEpoch": int(now * 1000),
        },
        "isBase64Encoded": False,
    }
    if "cookie" in headers:
        event["cookies"] = headers["cookie"].split("; ")
    if raw_query:
        event["queryStringParameters"] = _joined(parse_qsl(raw_query, keep_blank_values=True))
    if body:
        event["body"], event["isBase64Encoded"] = _text_of(body, headers.get("content-type", ""))
    return event


def _joined(pairs):
    """Values of the same name with commas between them, cookies as they are in one header."""
    values = {}
    for name, value in pairs:
        separator = "; " if name == "cookie" else ","
        values[name] = values[name] + separator + value if name in values else value
    return values


def _text_of(body, content_type):
    """Text stays text; anything else, also bytes that are no UTF-8, is base64."""
    if _text_types.fullmatch(content_type.split(";")[0].strip().lower()):
        try:
            return body.decode("utf-8"), False
        except UnicodeDecodeError:
            pass  # not the text that it claims to be
    return base64.b64encode(body).decode(), True
