"""Tool calls as plain text, for servers and models that do native ones badly or not at all.

The form shown to the model is JSON in a fence. Of three forms tried on the embedded model (15
replies each, at five points of a repair, temperature 0.5) it gave the most fitting edits where one
was due: 5 of 6, tags 1, headed fences 0. What is understood is wider: tags too, and fenced shell.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agent.model.chat import Chat
from agent.model.wire import Ask, Body
from agent.records import Message
from prompts import render
from tools.base import ToolCall

STOP = "<observation>"
"""Where a reply is cut: a model that writes this goes on to invent what it will see."""
_FENCE = re.compile(r"```(?:bash|sh|shell|console)[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_NAME_KEYS = ("name", "tool", "action", "function", "tool_name")
_ARGUMENT_KEYS = ("arguments", "parameters", "args", "input", "action_input")
Found = tuple[int, str, dict[str, Any]]


class Text(Chat):
    """Chat completions whose messages carry the tools, the calls and the observations as text."""

    def body(self, ask: Ask) -> Body:
        """Return the request: no tools, and no two messages of one role in a row."""
        messages = merged(as_text(ask.messages, instructions(ask.tools)))
        body = super().body(replace(ask, messages=messages, tools=()))
        return {**body, "stop": [STOP]} if ask.tools else body

    def messages(self, answer: Body, tools: Sequence[Body]) -> tuple[Message, ...]:
        """Return the replies, each with the first call that it writes."""
        replies = super().messages(answer, ())
        return tuple(
            replace(reply, tool_calls=call(reply.content, tools)) if tools else reply
            for reply in replies
        )


def instructions(tools: Sequence[Body]) -> str:
    """Return how to call the tools, "" when there are none."""
    if not tools:
        return ""
    return render("text_tools", tools=[described(tool["function"]) for tool in tools])


def described(function: Mapping[str, Any]) -> dict[str, Any]:
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
    said = str(schema.get("description", ""))
    if kind(schema) != "array":
        return said
    shape = shapes.get(str(schema["items"].get("$ref", "")).rpartition("/")[2], {})
    fields = {name: allowed(field) for name, field in shape.get("properties", {}).items()}
    item = json.dumps(fields) if fields else '"a", "b"'
    return f"{said} A list, such as [{item}]."


def allowed(schema: Mapping[str, Any]) -> str:
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


def merged(messages: Iterator[Message]) -> list[Message]:
    """Join neighbours of one role: many chat templates take only turns."""
    joined: list[Message] = []
    for message in messages:
        if joined and joined[-1].role == message.role:
            joined[-1] = replace(joined[-1], content=f"{joined[-1].content}\n\n{message.content}")
        else:
            joined.append(message)
    return joined


def call(reply: str, tools: Sequence[Body]) -> tuple[ToolCall, ...]:
    """Return the first call in a reply, () when there is none.

    Only the first: what follows it was written without having seen what it does.
    """
    known = {tool["function"]["name"]: tool["function"]["parameters"] for tool in tools}
    found = [*tagged(reply, known), *as_json(reply, known), *fenced(reply, known)]
    if not found:
        return ()
    _, name, arguments = min(found, key=lambda item: item[0])
    return (ToolCall("call-1", name, json.dumps(arguments, ensure_ascii=False)),)


def tagged(reply: str, known: Mapping[str, Any]) -> Iterator[Found]:
    """Find the first call of each tool written as tags; a closing tag may be missing."""
    for name, schema in known.items():
        opening = re.search(rf"<{name}\s*>", reply)
        if opening is None:
            continue
        inside = reply[opening.end() :].partition(f"</{name}>")[0]
        yield opening.start(), name, arguments(inside, schema)


def arguments(inside: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Read the arguments between a call's tags; bare text is the first argument of a tool."""
    properties = schema.get("properties", {})
    found: dict[str, Any] = {}
    if not properties:
        return found
    opening = re.compile(rf"<({'|'.join(map(re.escape, properties))})\s*>")
    match = opening.search(inside)
    while match is not None:
        name = match.group(1)
        text = inside[match.end() :].partition(f"</{name}>")[0]
        found.setdefault(name, value(text, properties[name]))
        match = opening.search(inside, match.end() + len(text))
    if not found and inside.strip():
        first = next(iter(properties))
        found[first] = value(inside, properties[first])
    return found


def value(text: str, schema: Mapping[str, Any]) -> Any:
    """Return an argument as its schema wants it; text without the line ends around it."""
    wanted = kind(schema)
    if wanted == "string":
        return text.removeprefix("\n").removesuffix("\n") if "\n" in text else text
    bare = text.strip()
    try:
        plain = json.loads(bare)
    except ValueError:
        plain = bare.lower() == "true" if wanted == "boolean" else bare
    if wanted == "array" and not isinstance(plain, list):
        return [line.strip() for line in str(plain).splitlines() if line.strip()]
    return plain


def kind(schema: Mapping[str, Any]) -> str:
    """Return the JSON type of a schema, the one that is not null of an optional one."""
    options = schema.get("anyOf", [schema])
    return str(next((o["type"] for o in options if o.get("type") not in (None, "null")), "string"))


def as_json(reply: str, known: Mapping[str, Any]) -> Iterator[Found]:
    """Find the first JSON object that names a tool."""
    decoder = json.JSONDecoder(strict=False)
    for match in re.finditer(r"\{", reply):
        try:
            plain, _ = decoder.raw_decode(reply, match.start())
        except ValueError:
            continue
        name = next((plain[key] for key in _NAME_KEYS if plain.get(key) in known), None)
        if name is not None:
            given = next((plain[key] for key in _ARGUMENT_KEYS if key in plain), None)
            rest = {key: item for key, item in plain.items() if key not in _NAME_KEYS}
            yield match.start(), name, given if isinstance(given, dict) else rest
            return


def fenced(reply: str, known: Mapping[str, Any]) -> Iterator[Found]:
    """Find the first fenced block of shell, where there is a shell."""
    match = _FENCE.search(reply) if "bash" in known else None
    if match and match.group(1).strip():
        yield match.start(), "bash", {"command": match.group(1)}
