"""The tools of one attempt: what the model is told of them, and how its calls reach them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from tools.base import Tool, ToolCall, ToolError, ToolResult
from tools.changed_files import ChangedFiles
from tools.clip import clip

WRITERS = ("bash", "edit", "run_tests")
"""Tools after which it is looked at which files changed."""


class Toolbox:
    """Checks each call against its tool's schema and turns every mistake into an observation.

    `changed` looks at the work tree after calls that may write. EpisodeOver and SandboxLost pass
    through: they are not for the model to mend.
    """

    def __init__(self, tools: Sequence[Tool], changed: ChangedFiles | None = None) -> None:
        self._changed = changed
        self._tools = {tool.name: tool for tool in tools}
        self._adapters = {tool.name: TypeAdapter(tool.arguments) for tool in tools}

    def schemas(self) -> list[dict[str, Any]]:
        """Return the tools as OpenAI function definitions."""
        return [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": _plain(self._adapters[tool.name].json_schema()),
                },
            }
            for tool in self._tools.values()
        ]

    def run(self, call: ToolCall) -> ToolResult:
        """Run one call and return what came of it, at most 10,000 characters of text."""
        changed = self._changed if call.name in WRITERS else None
        if changed:
            changed.start()
        started = time.monotonic()
        try:
            result = self._run(call)
        except ToolError as mistake:
            result = ToolResult(text=str(mistake), error=True, changed=())
        seconds = round(time.monotonic() - started, 3)
        if changed and not result.error:
            result = replace(result, changed=changed.since())
        return replace(result, text=clip(result.text), seconds=seconds)

    def _run(self, call: ToolCall) -> ToolResult:
        tool = self._tools.get(call.name)
        if tool is None:
            raise ToolError(
                f"There is no tool {call.name!r}. The tools are: {', '.join(self._tools)}."
            )
        try:
            arguments = self._adapters[call.name].validate_json(call.arguments or "{}")
        except ValidationError as error:
            raise ToolError(_explain(call.name, error)) from error
        try:
            result = tool(arguments)
        except OSError as error:  # the sandbox refuses, such as a command with a zero byte
            raise ToolError(f"{call.name} cannot do this: {error}.") from error
        return ToolResult(text=result, changed=()) if isinstance(result, str) else result


def _explain(name: str, error: ValidationError) -> str:
    lines = [f"The arguments of {name} are wrong; call it again with them mended:"]
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"]) or "the arguments"
        lines.append(f"- {where}: {item['msg']}")
    return "\n".join(lines)


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Drop titles: they repeat the names and cost tokens in every request."""
    return {
        key: _plain(value)
        if isinstance(value, dict)
        else [_plain(item) if isinstance(item, dict) else item for item in value]
        if isinstance(value, list)
        else value
        for key, value in schema.items()
        if key != "title" or isinstance(value, dict)
    }
