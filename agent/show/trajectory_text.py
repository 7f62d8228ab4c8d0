"""A recorded run as text for grep: every line says which task, attempt and step it belongs to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from agent.records import Call, Matrix, Message, Reproduction, Result, Verdict
from agent.show.figures import duration, money, several, tokens
from agent.show.terminal_safe import one_line, visible
from agent.trajectory.events import End, Event, Header
from agent.trajectory.reader import Failure, Log, RecordedTask
from tools.base import Observation, ToolCall

CHANGE = "change"
"""What a reply is called that calls no tool and is answered: a proposed change."""
COLUMN = 8
"""Characters of a column of results: the longest result has as many."""


def plain(recorded: RecordedTask) -> Iterator[str]:
    """Yield the lines of a task."""
    yield from _head(recorded)
    yield from _steps("shared", recorded.shared)
    yield from _reproduction(recorded.reproduction)
    for number, place in enumerate(recorded.places, 1):
        yield one_line(f"place {number}: {place}")
    for log in recorded.logs:
        yield from _attempt(log)
    for candidate in recorded.candidates:
        files = ", ".join(candidate.files) or "no file"
        yield one_line(f"candidate {candidate.id}: {files}")
        for dropped in candidate.dropped:
            yield one_line(f"candidate {candidate.id} without {dropped.path}: {dropped.reason}")
        yield from prefixed(f"candidate {candidate.id} patch", candidate.patch)
    if recorded.matrix is not None:
        yield from _matrix(recorded.matrix)
    if recorded.verdict is not None:
        yield from _verdict(recorded.verdict)
    yield from _end(recorded)


def _head(recorded: RecordedTask) -> Iterator[str]:
    task, image = recorded.task, recorded.image
    yield f"task {one_line(recorded.id)}"
    if task is not None:
        yield from prefixed("task source", task.source)
        yield from prefixed("task repository", f"{task.repository} at {task.base_commit}")
        yield from prefixed("task issue", task.text)
    if image is not None:
        text = f"{image.reference}, {image.made}, {image.toolchain}"
        yield from prefixed("image", f"{text}, tests: {image.test_command or 'none'}")


def prefixed(prefix: str, text: str, mark: str = ":") -> Iterator[str]:
    """Yield the lines of a text, each with what it belongs to."""
    for line in visible(text).removesuffix("\n").split("\n"):
        yield f"{prefix}{mark} {line}".rstrip()


def _reproduction(written: Reproduction | None) -> Iterator[str]:
    if written is None:
        return
    for path, content in written.probes.items():
        yield from prefixed(f"probe {one_line(path)}", content)
    for path, content in written.tests.items():
        yield from prefixed(f"reproduction {one_line(path)}", content)
    if written.remark:
        yield from prefixed("reproduction", written.remark)


def _attempt(log: Log) -> Iterator[str]:
    prefix = f"attempt {log.number}"
    if log.restarts:
        yield f"{prefix}: started again after {several(log.restarts, 'interrupted start')}"
    yield from _steps(prefix, log.events)
    if not isinstance(log.events[-1], End):
        yield f"{prefix} end: none, it was interrupted"


def _steps(prefix: str, events: tuple[Event, ...]) -> Iterator[str]:
    """Yield what happened; a step begins with a request to the model."""
    step = 0
    names: dict[str, str] = {}
    seen: dict[str, str] = {}
    replies: list[tuple[str, tuple[ToolCall, ...]]] = []
    for event in events:
        if isinstance(event, Call):
            step += 1
            replies = [(reply.content, reply.tool_calls) for reply in event.replies]
            names |= {call.id: call.name for reply in event.replies for call in reply.tool_calls}
        if isinstance(event, Message) and event.role == "assistant" and not event.tool_calls:
            names[event.id] = CHANGE
        here = f"{prefix} step {step}"
        match event:
            case Header():
                yield from _header(prefix, event)
            case Call():
                yield from _call(here, event)
            case Message(role="assistant") if (event.content, event.tool_calls) in replies:
                continue  # shown as the request's reply
            case Message(role="tool") if seen.get(event.tool_call_id or "") == event.content:
                continue  # shown as the observation
            case Message():
                names |= {call.id: call.name for call in event.tool_calls}
                yield from _said(here, event)
            case Observation():
                seen[event.call_id] = event.text
                yield from _observed(here, names.get(event.call_id, "tool"), event)
            case End():
                yield from prefixed(f"{prefix} end", _reason(event))
                yield f"{prefix} used: {_used(event)}"


def _header(prefix: str, header: Header) -> Iterator[str]:
    how = f"seed {header.seed}, temperature {header.temperature:g}"
    yield one_line(f"{prefix}: planner {header.planner}, model {header.model}, {how}")
    names = [str(tool.get("function", tool).get("name", "?")) for tool in header.tools]
    yield one_line(f"{prefix}: image {header.image}, tools {', '.join(names) or 'none'}")


def _call(here: str, call: Call) -> Iterator[str]:
    spent = f"{tokens(call.usage)}, {money(call.usage.usd)}, {duration(call.seconds)}"
    elided = f", {several(len(call.elided), 'message')} elided" if call.elided else ""
    again = ", given again from an earlier start" if call.served else ""
    yield f"{here} request: {several(len(call.sent), 'message')}{elided}, {spent}{again}"
    for number, reply in enumerate(call.replies, 1):
        sample = f" sample {number}" if len(call.replies) > 1 else ""
        yield from _said(f"{here}{sample}", reply)


ENDS = {"length": "cut at the limit of its length", "refusal": "refused"}


def _said(here: str, message: Message) -> Iterator[str]:
    speaker = "thought" if message.role == "assistant" else message.role
    if message.content.strip():
        yield from prefixed(f"{here} {speaker}", message.content)
    if message.finish:
        yield f"{here} {speaker}: [{ENDS[message.finish]}]"
    for call in message.tool_calls:
        yield from prefixed(f"{here} {one_line(call.name)}", written(call))


def written(call: ToolCall) -> str:
    """Return a call's arguments as they read best: a single one bare, several by name."""
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        return call.arguments  # as the model wrote it: that it is no JSON is what is to be seen
    if not isinstance(arguments, dict):
        return call.arguments
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in arguments.items()
    }
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "\n".join(f"{name}={text}" for name, text in texts.items())


def _observed(here: str, name: str, observation: Observation) -> Iterator[str]:
    # A change that a guided model proposes is refused, or made and tried: its text says which.
    verb = "refused" if observation.error and name != CHANGE else "gave"
    yield from prefixed(f"{here} {one_line(name)} {verb}", observation.text)
    if observation.seconds:
        yield f"{here} {one_line(name)} took: {duration(observation.seconds)}"


def _reason(end: End) -> str:
    return f"{end.reason}, {end.detail}" if end.detail else end.reason


def _used(end: End) -> str:
    return f"{tokens(end.usage)}, {money(end.usage.usd)}, {duration(end.seconds)}"


def _matrix(matrix: Matrix) -> Iterator[str]:
    names = list(dict.fromkeys(["base", *(outcome.candidate for outcome in matrix.outcomes)]))
    found = {(outcome.candidate, outcome.check): outcome for outcome in matrix.outcomes}
    yield f"matrix {_row(names)} {'origin':<12} issue check"
    for check in matrix.checks:
        outcomes = [found.get((name, check.id)) for name in names[1:]]
        results = [check.base, *(outcome.result if outcome else "-" for outcome in outcomes)]
        issue = "yes" if check.issue else "-"
        yield f"matrix {_row(results)} {check.origin:<12} {issue:<5} {one_line(check.id)}"
    for outcome in matrix.outcomes:
        if outcome.message and outcome.result != "pass":
            where = f"matrix {outcome.candidate} {one_line(outcome.check)}"
            yield from prefixed(where, outcome.message)
        if outcome.output:
            where = f"matrix {outcome.candidate} {one_line(outcome.check)} output"
            yield from prefixed(where, outcome.output)
    for check_id in matrix.unstable:
        yield f"matrix unstable: {one_line(check_id)}"
    for note in matrix.notes:
        yield f"matrix note: {one_line(note)}"


def _row(cells: Sequence[str]) -> str:
    return " ".join(cell.ljust(COLUMN) for cell in cells)


def _verdict(verdict: Verdict) -> Iterator[str]:
    for number, item in enumerate(verdict.classes, 1):
        regressions = several(len(item.regressions), "regression")
        passed = f"{several(item.issue_checks_passed, 'issue check')} passed"
        tampered = ", tampered" if item.tampered else ""
        members = ", ".join(item.candidates)
        yield f"class {number}: {members}: mass {item.mass:.2f}, {passed}, {regressions}{tampered}"
        for check in item.regressions:
            yield f"class {number} regression: {one_line(check)}"
    for risk in verdict.risks:
        yield one_line(f"risk {risk.kind}: {risk.path}:{risk.line}: {risk.text}")
    for sentence in verdict.sentences:
        yield f"verdict: {one_line(sentence)}"
    confidence = "none" if verdict.confidence is None else f"{verdict.confidence:.2f}"
    entropy = "none" if verdict.entropy is None else f"{verdict.entropy:.2f} bits"
    chosen = verdict.chosen or "none"
    yield f"verdict: {verdict.status}, chosen {chosen}, confidence {confidence}, entropy {entropy}"


def _end(recorded: RecordedTask) -> Iterator[str]:
    if recorded.result is not None:
        yield f"result: {_summary(recorded.result)}"
        for error in recorded.result.errors:
            yield f"result error: {one_line(error)}"
    elif recorded.failure is not None:
        yield from prefixed("failure", _failed(recorded.failure))
        yield from prefixed("failure", recorded.failure.trace) if recorded.failure.trace else ()
    else:
        yield "result: none, the task is not finished"


def _summary(result: Result) -> str:
    patch = one_line(result.patch) if result.patch else "no file"
    spent = f"{tokens(result.tokens)}, {money(result.cost_usd)}, {duration(result.seconds)}"
    return f"{result.status}, {patch}, {several(result.attempts, 'attempt')}, {spent}"


def _failed(failure: Failure) -> str:
    hint = f" ({failure.hint})" if failure.hint else ""
    return f"{failure.error}: {failure.message}{hint}"
