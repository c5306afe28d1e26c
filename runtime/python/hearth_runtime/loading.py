import os
import sys

from .errors import RuntimeFailure

TASK_ROOT = "/var/task"

#: Where a deploy puts what requirements.txt names; the function's own modules come first.
PACKAGES_FOLDER = "_packages"


def load_handler(message):
    """Loads the function's module and finds what it has to be called."""
    set_environment(message)
    entry = message["entry"]
    task_root = os.path.dirname(entry) if not entry.startswith(f"{TASK_ROOT}/") else TASK_ROOT
    os.chdir(task_root)
    sys.path[:0] = [task_root, os.path.join(task_root, PACKAGES_FOLDER)]
    module = _load_module(os.path.relpath(entry, task_root), entry)
    _show_log_records()
    handler = getattr(module, "handler", None)
    if callable(handler):
        return handler
    names = [name for name, value in vars(module).items() if callable(value) and name[0] != "_"]
    raise RuntimeFailure(
        "Runtime.HandlerNotFound",
        f'{entry} needs "def handler(event, context)". It has {", ".join(names) or "nothing to call"}.',
    )


def set_environment(message):
    """
    Only a few of the image's own variables are left. What Lambda sets is there because libraries
    look for it; the function's own `env` has the last word.
    """
    name, version = message["functionName"], message["version"]
    kept = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8"}
    kept |= {key: value for key, value in os.environ.items() if key in kept}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(
        TMPDIR="/tmp",
        AWS_EXECUTION_ENV=f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
        AWS_LAMBDA_FUNCTION_NAME=name,
        AWS_LAMBDA_FUNCTION_VERSION=version,
        AWS_LAMBDA_FUNCTION_MEMORY_SIZE=str(message["memoryBytes"] // 1024**2),
        AWS_LAMBDA_INITIALIZATION_TYPE="on-demand",
        AWS_LAMBDA_LOG_GROUP_NAME=f"/hearth/{name}",
        AWS_LAMBDA_LOG_STREAM_NAME=version,
        LAMBDA_TASK_ROOT=TASK_ROOT,
    )
    os.environ.update(message["env"])
    if "TZ" in message["env"]:
        import time

        time.tzset()


def _load_module(path, file):
    """By its file, so that a function's `json.py` is not taken for the library's."""
    import importlib.util

    name = path.removesuffix(".py").replace("/", ".")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None:
        raise ImportError(f"{path} is not a Python module: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except FileNotFoundError as error:
        if error.filename != file:
            raise
        raise ImportError(f"There is no {path} in the function's folder.") from None
    return module


def _show_log_records():
    """
    As in AWS Lambda the root logger has a handler, so that `logger.setLevel("INFO")` is enough.
    A function that set up logging itself keeps what it has.
    """
    logging = sys.modules.get("logging")
    if logging and not logging.getLogger().handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("[%(levelname)s] %(name)s: %(message)s"))
        logging.getLogger().addHandler(handler)
