"""Goes the ways that a first invocation will go, so that it finds everything there."""

import asyncio  # noqa: F401
import importlib.util  # noqa: F401
import inspect  # noqa: F401
import logging  # noqa: F401
import traceback  # noqa: F401

from .invocation import Invocation

_ROUNDS = 20
_MESSAGE = {"functionName": "warm-up", "version": "", "memoryBytes": 0}
_HEAD = {
    "id": "00000000-0000-4000-8000-000000000000",
    "trigger": "http",
    "method": "POST",
    "url": "/?name=value",
    "headers": [["host", "localhost"], ["content-type", "application/json"]],
    "sourceIp": "127.0.0.1",
    "deadlineMs": 0,
}


class _Nowhere:
    def respond(self, head, body):
        pass


def warm_up():
    for _ in range(_ROUNDS):
        invocation = Invocation(_HEAD, b"{}", _Nowhere(), _MESSAGE)
        invocation.arguments()
        invocation.answer({"statusCode": 200, "body": "answer"})
