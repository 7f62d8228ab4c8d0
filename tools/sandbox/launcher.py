"""Our end of the wire to the launcher inside a sandbox."""

from __future__ import annotations

import builtins
import json
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from threading import Lock, get_ident
from typing import Any, Unpack

from tools.base import SandboxLost
from tools.inside.output import join
from tools.sandbox.protocol import COMMAND_SECONDS, Command, Completed, Options
from tools.sandbox.wire import SocketWire

GRACE_SECONDS = 30.0
"""How much longer than its timeout a command may stay unanswered before the sandbox is lost."""

MODULES = ("tools.inside.files", "tools.inside.output", "tools.inside.processes")
START = """\
import sys, types
for name in ("tools", "tools.inside"):
    sys.modules[name] = types.ModuleType(name)
for name, text in {modules!r}:
    sys.modules[name] = module = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
exec(compile({main!r}, "launcher", "exec"))
"""


def source() -> str:
    """Return the program that runs inside as one text: nothing of ours is in the sandbox."""
    modules = [(name, _text(name.rpartition(".")[2])) for name in MODULES]
    return START.format(modules=modules, main=_text("launcher"))


def _text(module: str) -> str:
    return resources.files("tools.inside").joinpath(f"{module}.py").read_text(encoding="utf-8")


class Launcher:
    """The three verbs over one wire, one at a time.

    Exchanges run in a thread of their own: a signal that interrupts the caller can then never
    cut a frame in two. The command that the caller gave up is ended by the next frame.
    """

    def __init__(self, wire: SocketWire, *, hello_seconds: float) -> None:
        self._wire = wire
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="launcher")
        self._sending = Lock()
        self._received = bytearray()
        self._last_id = 0
        self._caller: int | None = None
        try:
            self._thread.submit(self._receive, hello_seconds).result()  # its hello
        except BaseException:
            self.close()
            raise

    def run(self, command: str, **options: Unpack[Options]) -> Completed:
        """Run one command; see Verbs.run."""
        given = Command(command, **options)
        request = {"op": "run", "command": given.text, "timeout": given.timeout}
        request |= {"limit": given.limit, "cwd": given.cwd, "env": dict(given.env)}
        header, payload = self._exchange(request, given.stdin, given.timeout + GRACE_SECONDS)
        return Completed(
            exit_code=header["exit_code"],
            output=join(payload[: header["head"]], header["omitted"], payload[header["head"] :]),
            omitted=header["omitted"],
            timed_out=header["timed_out"],
            out_of_memory=header["out_of_memory"],
            seconds=header["seconds"],
        )

    def read(self, path: str) -> bytes:
        """Return the content of a file; see Verbs.read."""
        return self._exchange({"op": "read", "path": path}, b"", COMMAND_SECONDS)[1]

    def write(self, path: str, data: bytes) -> None:
        """Write a file; see Verbs.write."""
        self._exchange({"op": "write", "path": path}, data, COMMAND_SECONDS)

    def close(self) -> None:
        """Hang up, let the waiting thread end, and give the wire back."""
        self._wire.hang_up()
        self._thread.shutdown(cancel_futures=True)
        self._wire.close()

    def _exchange(
        self, request: dict[str, Any], payload: bytes, seconds: float
    ) -> tuple[dict[str, Any], bytes]:
        if self._caller == get_ident():
            self._give_up()  # an interruption came before this caller could take its words back
        future = self._thread.submit(self._talk, get_ident(), request, payload, seconds)
        try:
            header, answer = future.result()
        except BaseException:
            if not future.done():
                self._give_up()
            raise
        if "error" in header:
            kind = getattr(builtins, header["error"], OSError)
            kind = kind if issubclass(kind, OSError) else OSError
            raise kind(f"{header['message']}: {request.get('path') or request.get('cwd')}")
        return header, answer

    def _talk(
        self, caller: int, request: dict[str, Any], payload: bytes, seconds: float
    ) -> tuple[dict[str, Any], bytes]:
        self._caller = caller
        try:
            with self._sending:
                self._last_id += 1
                request |= {"id": self._last_id, "size": len(payload)}
                self._wire.send(json.dumps(request).encode() + b"\n" + payload)
            while True:
                header, answer = self._receive(seconds)
                if header["id"] == request["id"]:
                    return header, answer
        finally:
            self._caller = None

    def _give_up(self) -> None:
        with self._sending:
            self._wire.send(b'{"op": "cancel", "id": -1, "size": 0}\n')

    def _receive(self, seconds: float) -> tuple[dict[str, Any], bytes]:
        while b"\n" not in self._received:
            self._wait(seconds)
        line, _, _ = bytes(self._received).partition(b"\n")
        header: dict[str, Any] = json.loads(line)
        end = len(line) + 1 + header["size"]
        while len(self._received) < end:
            self._wait(seconds)
        payload = bytes(self._received[len(line) + 1 : end])
        del self._received[:end]
        return header, payload

    def _wait(self, seconds: float) -> None:
        """Take the next bytes that come; raises SandboxLost when none come."""
        try:
            data = self._wire.receive(seconds)
        except TimeoutError:
            raise SandboxLost("the sandbox stopped answering", "run the command again") from None
        if not data:
            raise SandboxLost(f"the sandbox died: {self._wire.why_gone()}")
        self._received += data
