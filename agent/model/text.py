"""Tool calls as plain text, for servers and models that do native ones badly or not at all.

The form shown to the model is JSON in a fence. Of three forms tried on the embedded model (15
replies each, at five points of a repair, temperature 0.5) it gave the most fitting edits where one
was due: 5 of 6, tags 1, headed fences 0. Understood are also other names for the keys, and a fenced
block of shell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

from agent.messages import Message
from agent.model.adapter import Body
from agent.model.chat import Chat, join
from agent.model.protocol import Request
from prompts import render
from tools.base import ToolCall

STOP = "<observation>"
"""Where a reply is cut: a model that writes this goes on to invent what it will see."""
_FENCE = re.compile(r"^```(?:bash|sh|shell|console)[ \t]*\n(.*?)^```", re.DOTALL | re.MULTILINE)
_UNCLOSED = re.compile(r"^```(?:bash|sh|shell|console)[ \t]*\n(.*)\Z", re.DOTALL | re.MULTILINE)
_THOUGHT = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_NAME_KEYS = ("name", "tool", "action", "function", "tool_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "action_input")
_CALL = re.compile(r"\{\s*\"(?:" + "|".join((*_NAME_KEYS, "type")) + r")\"\s*:")
_STRAY_BACKSLASH = re.compile(r'(?<!\\)((?:\\\\)*)\\(?!["\\/bfnrtu])')
Found = tuple[int, str, dict[str, Any]]


class Text(Chat):
    """Chat completions whose messages carry the tools, the calls and the observations as text."""

    def body(self, request: Request) -> Body:
        """Return the request: no tools, and no two messages of one role in a row."""
        messages = join_neighbours(as_text(request.messages, instructions(request.tools)))
        body = super().body(replace(request, messages=messages, tools=()))
        return {**body, "stop": [STOP]} if request.tools else body

    def messages(self, answer: Body, tools: Sequence[Body]) -> tuple[Message, ...]:
        """Return the replies, each with the first call that it writes."""
        replies = super().messages(answer, ())
        if not tools:
            return replies
        return tuple(
            replace(one, tool_calls=call(one.content, tools, cut=one.finish == "length"))
            for one in replies
        )


def instructions(tools: Sequence[Body]) -> str:
    """Return how to call the tools, "" when there are none."""
    if not tools:
        return ""
    return render("text_tools", tools=[describe(tool["function"]) for tool in tools])


def describe(function: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the prompt shows of a tool: each argument with whether it may be left out."""
    parameters = function["parameters"]
    required = parameters.get("required", ())
    shapes = parameters.get("$defs", {})
    return {
        "name": function["name"],
        "description": function["description"],
        "arguments": [
            {"name": name, "optional": name not in required, "about": about(schema, shapes)}
            for name, schema in parameters.get("properties", {}).items()
        ],
    }


def about(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> str:
    """Return an argument's description, and the form of one that is a list."""
    description = str(schema.get("description", ""))
    if kind(schema) != "array":
        return description
    shape = shapes.get(str(schema["items"].get("$ref", "")).rpartition("/")[2], {})
    fields = {name: allowed_values(field) for name, field in shape.get("properties", {}).items()}
    item = json.dumps(fields) if fields else '"a", "b"'
    return f"{description} A list, such as [{item}]."


def allowed_values(schema: Mapping[str, Any]) -> str:
    """Return what may stand in a field."""
    return " or ".join(schema.get("enum", ["..."]))


def as_text(messages: Sequence[Message], how: str) -> Iterator[Message]:
    """Yield the messages with `how` after the first and each observation as a user's words."""
    for number, message in enumerate(messages):
        if message.role == "tool":
            yield Message("", "user", f"<observation>\n{message.content}\n</observation>")
        elif number == 0 and how:
            yield replace(message, content=f"{message.content}\n\n{how}")
        else:
            yield Message("", message.role, message.content)


def join_neighbours(messages: Iterable[Message]) -> list[Message]:
    """Join neighbours of one role: many chat templates take only turns."""
    return join(messages, lambda last, one: last.role == one.role)


def call(reply: str, tools: Sequence[Body], *, cut: bool = False) -> tuple[ToolCall, ...]:
    """Return the first call in a reply, () when there is none.

    Only the first: what follows it was written without having seen what it does. Of a reply that
    was `cut`, only what is complete counts.
    """
    said = _THOUGHT.sub(lambda thought: " " * len(thought.group()), reply)
    known = {tool["function"]["name"] for tool in tools}
    found = [one for one in (first_object(said, known), first_fence(said, known, cut=cut)) if one]
    if not found:
        return ()
    _, name, arguments = min(found, key=lambda item: item[0])
    return (ToolCall("call-1", name, json.dumps(arguments, ensure_ascii=False)),)


def first_object(reply: str, known: Set[str]) -> Found | None:
    """Find the first JSON object that names a tool.

    Nothing is looked for inside an object that begins like a call and cannot be read: what stands
    there is somebody's text.
    """
    at = 0
    while (at := reply.find("{", at)) >= 0:
        plain, end = decode(reply, at)
        if plain is None and _CALL.match(reply, at):
            return None
        found = tool_named(plain, known) if isinstance(plain, dict) else None
        if found:
            return at, *found
        at = max(end, at + 1)
    return None


def decode(text: str, at: int) -> tuple[Any, int]:
    """Return the JSON value at a place and where it ends, None when there is none.

    Small models forget to double a backslash; one that means nothing in JSON is doubled.
    """
    decoder = json.JSONDecoder(strict=False)
    for form in (text, text[:at] + _STRAY_BACKSLASH.sub(r"\1\\\\", text[at:])):
        try:
            return decoder.raw_decode(form, at)
        except (ValueError, RecursionError):
            continue
    return None, at


def tool_named(plain: Mapping[str, Any], known: Set[str]) -> tuple[str, dict[str, Any]] | None:
    """Return the tool that an object names and its arguments, None when it names none."""
    inner = plain.get("function")
    if isinstance(inner, Mapping):
        return tool_named(inner, known)
    names = (plain.get(key) for key in _NAME_KEYS)
    name = next((one for one in names if isinstance(one, str) and one in known), None)
    if name is None:
        return None
    given = next((plain[key] for key in _ARGUMENT_KEYS if key in plain), None)
    if isinstance(given, str):
        given, _ = decode(given, 0)
    rest = {key: item for key, item in plain.items() if key not in (*_NAME_KEYS, "type")}
    return name, given if isinstance(given, dict) else rest


def first_fence(reply: str, known: Set[str], *, cut: bool) -> Found | None:
    """Find the first fenced block of shell, where there is a shell."""
    if "bash" not in known:
        return None
    match = _FENCE.search(reply) or (None if cut else _UNCLOSED.search(reply))
    command = match.group(1).strip("\n") if match else ""
    return (match.start(), "bash", {"command": command}) if match and command.strip() else None


def kind(schema: Mapping[str, Any]) -> str:
    """Return the JSON type of a schema, the one that is not null of an optional one."""
    options = schema.get("anyOf", [schema])
    return str(next((o["type"] for o in options if o.get("type") not in (None, "null")), "string"))
