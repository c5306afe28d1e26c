import json
import time

from .client_context import client_context
from .errors import RuntimeFailure
from .lambda_event import to_lambda_event
from .lambda_result import from_event_result, from_http_result, is_stream
from .responder import CHUNK_LIMIT_BYTES

#: As Lambda's own; larger answers are streamed.
RESPONSE_LIMIT_BYTES = 6 * 1024 * 1024


class Context:
    """What a handler gets beside the event, as in AWS Lambda."""

    identity = None

    def __init__(self, head, message):
        name, version = message["functionName"], message["version"]
        self._deadline_ms = head["deadlineMs"]
        self.function_name = name
        self.function_version = version
        self.invoked_function_arn = f"arn:aws:lambda:local:000000000000:function:{name}"
        self.memory_limit_in_mb = str(message["memoryBytes"] // 1024**2)
        self.aws_request_id = head["id"]
        # The span in which the function runs, as W3C's; None where nothing is traced.
        self.traceparent = dict(head["headers"]).get("traceparent")
        self.client_context = client_context(head)
        self.log_group_name = f"/hearth/{name}"
        self.log_stream_name = version

    def get_remaining_time_in_millis(self):
        return max(0, int(self._deadline_ms - time.time() * 1000))


class Invocation:
    """One invocation: how the handler is called, and how the responder tells what came of it."""

    def __init__(self, head, body, responder, message):
        self._head = head
        self._body = body
        self._message = message
        self.responder = responder

    def arguments(self):
        context = Context(self._head, self._message)
        if self._head["trigger"] == "http":
            return to_lambda_event(self._head, self._body, context.function_name), context
        return (json.loads(self._body) if self._body else {}), context

    def answer(self, result):
        """Sends a short answer whole. Of a longer one it sends the head and gives what is to follow."""
        is_http = self._head["trigger"] == "http"
        head, body = from_http_result(result) if is_http else from_event_result(result)
        if not is_stream(body) and len(body) <= CHUNK_LIMIT_BYTES:
            self.responder.respond(head, body)
            return None
        if not is_stream(body):
            _check_length(body)
            body = iter((body,))
        self.responder.head(head)
        return body


def _check_length(body):
    if len(body) > RESPONSE_LIMIT_BYTES:
        raise RuntimeFailure(
            "Function.ResponseSizeTooLarge",
            f"The response has {len(body)} bytes; the limit is {RESPONSE_LIMIT_BYTES}. "
            "Stream it: let the body be a generator.",
        )
