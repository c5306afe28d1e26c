import json
import os
import threading
from queue import Empty, SimpleQueue

from . import frames
from .channel import Channel
from .errors import describe_load_error
from .invocation import Invocation
from .loading import load_handler
from .output import Output
from .responder import Responder
from .serving import serve_with_event_loop, serve_with_threads

#: Who has not been told what to load by then is a stem, and has the time to warm up.
STEM_AGE_SECONDS = 0.02


def main():
    Bootstrap(Channel()).run()


class Bootstrap:
    def __init__(self, channel):
        self._channel = channel
        self._output = Output(channel)
        self._inits = SimpleQueue()
        self._under_way = {}
        self._message = None
        self._deliver = None

    def run(self):
        """Never returns."""
        self._channel.send(frames.HELLO, b'{"protocol":1,"runtime":"python"}')
        self._output.capture()
        read = self._channel.read_forever
        threading.Thread(target=read, args=(self._receive,), daemon=True).start()
        self._message = self._wait_for_init()
        try:
            handler = load_handler(self._message)
        except BaseException as error:
            self._channel.send(frames.INIT_FAILED, frames.to_json(describe_load_error(error)))
            threading.Event().wait()  # the host ends the process
        if _is_async(handler):
            serve_with_event_loop(handler, self._connect, self._exit)
        serve_with_threads(handler, self._message["concurrency"], self._connect, self._exit)

    def _wait_for_init(self):
        try:
            return self._inits.get(timeout=STEM_AGE_SECONDS)
        except Empty:
            from .warm_up import warm_up

            warm_up()
            return self._inits.get()

    def _connect(self, deliver):
        """The handler is loaded; `deliver` takes invocations from now on."""
        self._deliver = deliver
        self._channel.send(frames.READY)

    def _receive(self, frame_type, payload):
        """Called by the thread that reads."""
        if frame_type == frames.INVOKE:
            self._invoke(payload)
        elif frame_type == frames.GRANT:
            invocation_id, count = frames.split_grant(payload)
            if responder := self._under_way.get(invocation_id):
                responder.grant(count)
        elif frame_type == frames.INIT:
            self._inits.put(json.loads(payload))

    def _invoke(self, payload):
        invocation_id, head, body = frames.split_invoke(payload)
        responder = Responder(self._channel, invocation_id, self._over)
        self._under_way[invocation_id] = responder
        self._deliver(Invocation(head, body, responder, self._message))

    def _over(self, invocation_id):
        """Just before its last frame."""
        self._under_way.pop(invocation_id)
        self._output.flush_of(invocation_id)

    def _exit(self, code):
        """What sys.exit() of a handler does: the process ends, as that of any other program."""
        if code is not None and not isinstance(code, int):
            os.write(2, f"{code}\n".encode())
        self._output.flush_all()
        os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def _is_async(handler):
    import inspect

    call = getattr(handler, "__call__", None)
    return any(
        inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one)
        for one in (handler, call)
    )
