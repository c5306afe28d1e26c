import os

# In JSON a character takes 6 bytes at the most, so that an ERROR frame stays below 256 KiB.
TYPE_LIMIT_CHARS = 200
MESSAGE_LIMIT_CHARS = 8 * 1024
STACK_LIMIT_CHARS = 32 * 1024

_own_folder = os.path.dirname(__file__)


class RuntimeFailure(Exception):
    """An error of the runtime's own, by the name that tools know it by."""

    def __init__(self, error_type, message):
        super().__init__(message)
        self.type = error_type


def invalid_response(why):
    """`why` says with what to do instead."""
    return RuntimeFailure("Runtime.InvalidResponse", f"The response is not valid: {why}.")


def describe(error):
    """Describes whatever was raised: looking at it may raise again."""
    try:
        return {
            "type": _type_of(error)[:TYPE_LIMIT_CHARS],
            "message": str(error)[:MESSAGE_LIMIT_CHARS],
            "stack": _stack_of(error)[:STACK_LIMIT_CHARS],
        }
    except Exception:
        return {"type": "Unknown", "message": "What was raised cannot be shown."}


def describe_load_error(error):
    """Why a module did not load, by the names that Lambda's tools know."""
    described = describe(error)
    if isinstance(error, SyntaxError):
        described["type"] = "Runtime.UserCodeSyntaxError"
    elif isinstance(error, ImportError):
        described["type"] = "Runtime.ImportModuleError"
    return described


def _type_of(error):
    return error.type if isinstance(error, RuntimeFailure) else type(error).__name__


def _stack_of(error):
    """As Python prints it, without the frames of the bootstrap that lead to the handler."""
    import traceback

    if isinstance(error, RuntimeFailure):
        return f"{error.type}: {error}"
    trace = error.__traceback__
    while trace and _is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip("\n")


def _is_own(filename):
    return filename.startswith((_own_folder, "<frozen importlib"))
