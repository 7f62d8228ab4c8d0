"""The program of the child process: llama.cpp's server, until the parent closes standard input.

It is run by its path with `-I`, so that nothing in the working directory is imported; it needs only
the standard library and xllamacpp. The first line of standard input is a JSON object with its
orders; the only line of standard output is the address it listens at.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
from typing import Any

CACHE_MIB = 1024
"""Memory for prompts that were answered before; llama.cpp's own default is 8 GB."""


def main() -> None:
    """Serve as ordered, until standard input ends."""
    answers = os.dup(1)
    os.dup2(2, 1)  # what llama.cpp prints belongs in the log
    orders = json.loads(_line())
    _die_with_standard_input()
    sys.path.append(orders["site"])
    import xllamacpp

    server = xllamacpp.Server(parameters(xllamacpp, orders))
    os.write(answers, f"{server.listening_address}\n".encode())
    os.close(answers)
    while os.read(0, 1024):
        pass
    os._exit(0)  # the requests under way are for a process that is gone


def _line() -> bytes:
    """Read one line and not a byte more: what follows is waited for."""
    line = bytearray()
    while (byte := os.read(0, 1)) not in (b"", b"\n"):
        line += byte
    return bytes(line)


def _die_with_standard_input() -> None:
    """Let the system end this process when the parent is gone, also while a model is loading.

    Loading holds the interpreter's lock for seconds, so no thread of ours could see it. A pipe
    that nobody can write to any more raises SIGIO, whose default action is the end.
    """
    fcntl.fcntl(0, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(0, fcntl.F_SETFL, fcntl.fcntl(0, fcntl.F_GETFL) | os.O_ASYNC)


def parameters(xllamacpp: Any, orders: dict[str, Any]) -> Any:
    """Return llama.cpp's parameters for the orders."""
    found = xllamacpp.CommonParams()
    found.model.path = orders["path"]
    found.model_alias = {orders["name"]}
    found.n_ctx = orders["context"]
    found.n_parallel = orders["parallel"]
    found.kv_unified = True  # a single request may use the whole window
    found.cpuparams.n_threads = found.cpuparams_batch.n_threads = orders["threads"]
    found.hostnames = ["127.0.0.1"]
    found.port = orders["port"]
    found.api_keys = [orders["key"]]
    found.cache_ram_mib = CACHE_MIB
    found.warmup = False  # the first prompt warms it as well, and somebody waits for it
    found.offline = True
    found.verbosity = 2  # warnings and errors: a line for each request would fill the disk
    found.ui = False
    return found


if __name__ == "__main__":
    main()
