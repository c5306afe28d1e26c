"""Two ways to run handlers: threads for plain functions, one event loop for coroutines."""

import sys
import threading
from queue import SimpleQueue

from .errors import describe, invalid_response
from .lambda_result import as_bytes
from .output import current_id


def serve_with_threads(handler, concurrency, connect, exit_process):
    """The main thread serves as well: some libraries work only there. Never returns."""
    inbox = SimpleQueue()
    connect(inbox.put)

    def serve():
        while True:
            _serve_one(handler, inbox.get(), exit_process)

    for _ in range(concurrency - 1):
        threading.Thread(target=serve, daemon=True).start()
    serve()


def _serve_one(handler, invocation, exit_process):
    responder = invocation.responder
    token = current_id.set(responder.id)
    try:
        result = handler(*invocation.arguments())
        if hasattr(result, "__await__"):
            result = _wait_for(result)
        body = invocation.answer(result)
        if body is None:
            return
        if not hasattr(body, "__next__"):
            raise invalid_response("an async body needs an async handler")
        for chunk in body:
            responder.write(as_bytes(chunk))
        responder.end()
    except SystemExit as error:
        exit_process(error.code)
    except BaseException as error:
        responder.fail(describe(error))
    finally:
        current_id.reset(token)


def _wait_for(awaitable):
    """Of a handler that does not look like a coroutine, such as a decorated one."""
    import asyncio

    async def wait():
        return await awaitable

    return asyncio.run(wait())


def serve_with_event_loop(handler, connect, exit_process):
    """Never returns."""
    import asyncio

    async def serve():
        loop = asyncio.get_running_loop()
        tasks = set()  # a loop keeps no task alive by itself

        def start(invocation):
            task = loop.create_task(_serve_one_async(handler, invocation, exit_process))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        connect(lambda invocation: loop.call_soon_threadsafe(start, invocation))
        await loop.create_future()

    asyncio.run(serve())
    sys.exit("unreachable: nothing ends the event loop")


async def _serve_one_async(handler, invocation, exit_process):
    responder = invocation.responder
    current_id.set(responder.id)
    try:
        result = handler(*invocation.arguments())
        body = invocation.answer(await result if hasattr(result, "__await__") else result)
        if body is None:
            return
        if hasattr(body, "__anext__"):
            async for chunk in body:
                await _write_async(responder, as_bytes(chunk))
        else:
            for chunk in body:
                await _write_async(responder, as_bytes(chunk))
        responder.end()
    except SystemExit as error:
        exit_process(error.code)
    except BaseException as error:
        responder.fail(describe(error))


async def _write_async(responder, chunk):
    if responder.has_room(len(chunk)):
        return responder.write(chunk)
    import asyncio

    await asyncio.to_thread(responder.write, chunk)  # it waits, others go on
