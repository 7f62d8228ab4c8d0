"""A model server on loopback that speaks both APIs, records what it got, bills, and misbehaves.

What it says is prepared: a list of replies for a conversation, chosen by how many replies the
request already holds. Everything else is real: sockets, HTTP, JSON, broken connections.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Fault = Callable[["Handler", "Stub", Body], bool]
"""Does something wrong with a request; returns False to let the reply go out all the same."""

USD = {"input": 2.0, "cached": 0.5, "output": 8.0}
"""Per million tokens."""


@dataclass
class Stub:
    """What the server says (`plan`), what goes wrong and when, and what it counted."""

    plan: Callable[[str, int], Body]
    faults: list[Fault | None] = field(default_factory=list)
    tools: bool = True
    several: bool = True
    apis: tuple[str, ...] = ("chat", "responses")
    models: tuple[str, ...] = ("stub",)
    window: int | None = None
    meta: Any = None
    pages: dict[str, Any] = field(default_factory=dict)
    requests: list[tuple[str, Body]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    prompt: int = 0
    completion: int = 0
    cached: int = 0
    usd: float = 0.0
    url: str = ""

    def bill(self, request: Body, said: Body, copies: int = 1) -> Body:
        """Count a reply and return its usage."""
        prompt, completion = len(json.dumps(request)) // 4, copies * (len(json.dumps(said)) // 4)
        cached = prompt // 4
        self.prompt += prompt
        self.completion += completion
        self.cached += cached
        fresh = (prompt - cached) * USD["input"] + cached * USD["cached"]
        self.usd += (fresh + completion * USD["output"]) / 1e6
        return {"prompt": prompt, "completion": completion, "cached": cached}

    def asked(self, path: str) -> list[Body]:
        """Return the requests to one path."""
        return [body for where, body in self.requests if where == path]


class Handler(BaseHTTPRequestHandler):
    """One request at a time; HTTP/1.1, so that connections are kept and can be cut."""

    protocol_version = "HTTP/1.1"
    stub: Stub
    held: set[socket.socket]

    def setup(self) -> None:
        super().setup()
        self.held.add(self.connection)

    def finish(self) -> None:
        self.held.discard(self.connection)
        super().finish()

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            entries = [
                {"id": name, "context_length": self.stub.window, "meta": self.stub.meta}
                for name in self.stub.models
            ]
            self.send(200, {"object": "list", "data": entries})
        elif self.path in self.stub.pages:
            self.send(*self.stub.pages[self.path])
        else:
            self.send(404, {"error": {"message": f"no {self.path}"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.stub.requests.append((self.path, body))
        self.stub.keys.append(self.headers.get("Authorization", ""))
        fault = self.stub.faults.pop(0) if self.stub.faults else None
        if fault is not None and fault(self, self.stub, body):
            return
        answer = {"/v1/chat/completions": chat, "/v1/responses": responses}.get(self.path)
        if answer is None:
            self.send(404, {"error": {"message": f"Invalid URL (POST {self.path})"}})
        elif self.path.split("/")[2] not in self.stub.apis:
            self.send(404, {"error": {"message": "use another endpoint for this model"}})
        elif body["model"] not in self.stub.models:
            self.send(404, {"error": {"message": f"no model {body['model']}", "code": "not_found"}})
        else:
            self.send(200, answer(self.stub, body))

    def send(self, status: int, answer: Any, headers: Mapping[str, str] | None = None) -> None:
        """Send JSON, or text as it is."""
        data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def cut(self) -> None:
        """Break the connection."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: the test's own output is read by people."""


def planned(stub: Stub, body: Body) -> Body:
    """Return what the plan says to this request: `content` and `tool_calls`."""
    if "ready" in json.dumps(body.get("tools", "")):
        return {"tool_calls": [{"name": "ready", "arguments": {"word": "yes"}}]}
    turns: list[Body] = body.get("messages") or body["input"]
    said = sum(turn.get("role") == "assistant" for turn in turns)
    said += sum(turn.get("type") == "function_call" for turn in turns)
    first = next(turn for turn in turns if turn.get("role") == "user")
    return stub.plan("reproduce" if "Write a test" in first["content"] else "attempt", said)


def chat(stub: Stub, body: Body) -> Body:
    """Answer as chat completions do; text where the server takes no tools."""
    said = planned(stub, body)
    calls = [
        {
            "id": f"call_{len(stub.requests)}_{number}",
            "type": "function",
            "function": {"name": c["name"], "arguments": as_arguments(c["arguments"])},
            "extra_content": {"signature": f"signed-{number}"},
        }
        for number, c in enumerate(said.get("tool_calls", ()))
    ]
    message: Body = {"role": "assistant", "content": said.get("content")}
    if "tools" in body and stub.tools:
        message |= {"tool_calls": calls or None, "reasoning_content": "I think."}
    else:
        message["content"] = "\n".join(
            filter(None, [said.get("content"), *map(as_text, said.get("tool_calls", ()))])
        )
    copies = body.get("n", 1) if stub.several else 1
    counted = stub.bill(body, said, copies)
    finish = said.get("finish") or ("tool_calls" if calls else "stop")
    return {
        "object": "chat.completion",
        "choices": [
            {"index": number, "message": message, "finish_reason": finish}
            for number in range(copies)
        ],
        "usage": {
            "prompt_tokens": counted["prompt"],
            "completion_tokens": counted["completion"],
            "prompt_tokens_details": {"cached_tokens": counted["cached"]},
        },
    }


def responses(stub: Stub, body: Body) -> Body:
    """Answer as the Responses API does, with a reasoning item that must come back."""
    said = planned(stub, body)
    output: list[Body] = [
        {"type": "reasoning", "id": f"rs_{len(stub.requests)}", "encrypted_content": "opaque=="}
    ]
    if said.get("content"):
        text = {"type": "output_text", "text": said["content"]}
        output.append({"type": "message", "role": "assistant", "content": [text]})
    output += [
        {
            "type": "function_call",
            "call_id": f"call_{len(stub.requests)}_{number}",
            "name": c["name"],
            "arguments": as_arguments(c["arguments"]),
        }
        for number, c in enumerate(said.get("tool_calls", ()))
    ]
    counted = stub.bill(body, said)
    return {
        "object": "response",
        "output": output,
        "usage": {
            "input_tokens": counted["prompt"],
            "output_tokens": counted["completion"],
            "input_tokens_details": {"cached_tokens": counted["cached"]},
        },
    }


def as_arguments(arguments: Any) -> str:
    """Return arguments as JSON; broken ones are given as text."""
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def as_text(call: Body) -> str:
    """Write a call in the plain-text form."""
    return f"```json\n{json.dumps(call)}\n```"


@contextmanager
def serving(stub: Stub, port: int = 0) -> Iterator[Stub]:
    """Run the server, on a port of its own unless one is named, until the block ends.

    Connections that clients keep end with it, as those of a program that dies do.
    """
    held: set[socket.socket] = set()
    handler = type("Bound", (Handler,), {"stub": stub, "held": held})
    with ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        stub.url = f"http://127.0.0.1:{server.server_port}/v1"
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join()
            for connection in list(held):
                with suppress(OSError):  # it was closed meanwhile
                    connection.shutdown(socket.SHUT_RDWR)


def fails(
    status: int, message: str, headers: Mapping[str, str] | None = None, **more: str
) -> Fault:
    """Answer with an error status."""

    def fault(handler: Handler, stub: Stub, body: Body) -> bool:
        handler.send(status, {"error": {"message": message, **more}}, headers)
        return True

    return fault


def says(answer: Any) -> Fault:
    """Answer with status 200 and this body, which is not billed."""

    def fault(handler: Handler, stub: Stub, body: Body) -> bool:
        handler.send(200, answer)
        return True

    return fault


def empty(handler: Handler, stub: Stub, body: Body) -> bool:
    """Bill a reply, and send it without choices."""
    whole = (responses if handler.path.endswith("responses") else chat)(stub, body)
    handler.send(200, {**whole, "choices": [], "output": []})
    return True


def malformed(handler: Handler, stub: Stub, body: Body) -> bool:
    """Bill a reply, and send only its first half as if it were whole."""
    whole = json.dumps(chat(stub, body))
    handler.send(200, whole[: len(whole) // 2])
    return True


def cut_in_the_middle(handler: Handler, stub: Stub, body: Body) -> bool:
    """Bill a reply, and break the connection while it is sent."""
    whole = json.dumps(chat(stub, body)).encode()
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(whole)))
    handler.end_headers()
    handler.wfile.write(whole[: len(whole) // 2])
    handler.wfile.flush()
    handler.cut()
    return True


def hang_up(handler: Handler, stub: Stub, body: Body) -> bool:
    """Break the connection before anything is said; nothing is billed."""
    handler.cut()
    return True


def stall(handler: Handler, stub: Stub, body: Body) -> bool:
    """Bill a reply that is never sent; ends when the other side gives up."""
    chat(stub, body)
    handler.connection.settimeout(30)
    handler.connection.recv(1)
    handler.close_connection = True
    return True
