"""What the embedded model gives through our server, and what llama.cpp gives without it.

The measure is llama.cpp's server object in a child of this program, called without HTTP. Both are
up at once and asked in turn, so that a busy machine slows both. The model is fetched when it is
absent.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import requests
from rich.console import Console

from agent import config
from agent.cli.model import fetch
from agent.model.embedded.cpu_count import cores
from agent.model.embedded.model_file import EMBEDDED, shelf
from agent.model.embedded.server import CONTEXT, PARALLEL, EmbeddedServer

ROUNDS, STARTS = 11, 3
WORDS, OUTPUT = 20, 16
"""Words of a prompt whose reading is timed, of four tokens or so each; tokens of a reply."""
LEAST_RATIO, MOST_SECONDS = 0.9, 15.0
DIRECT = """
import json, os, sys, time
import xllamacpp
answers = os.dup(1)
os.dup2(2, 1)
orders = json.loads(sys.argv[1])
parameters = xllamacpp.CommonParams()
parameters.model.path = orders["path"]
parameters.n_ctx = orders["context"]
parameters.n_parallel = orders["parallel"]
parameters.kv_unified = True
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = orders["threads"]
parameters.verbosity = 0
server = xllamacpp.Server(parameters)
for line in sys.stdin:
    started = time.perf_counter()
    said = server.handle_completions(json.loads(line))
    seconds = time.perf_counter() - started
    os.write(answers, json.dumps([seconds, said["usage"]]).encode() + b"\\n")
"""
Ask = Callable[[dict[str, Any]], tuple[float, dict[str, int]]]
Rates = tuple[float, float]


def main() -> int:
    """Measure both in one run, alternating; print figure and bound of each."""
    path = shelf() / EMBEDDED.file
    with tempfile.TemporaryDirectory() as folder:
        fetch(config.read({}, os.environ, Path(folder)), Console(stderr=True), sys.stderr)
    path.read_bytes()  # into the page cache
    first = median(first_token(path) for _ in range(STARTS))
    orders = {"path": str(path), "context": CONTEXT, "parallel": PARALLEL, "threads": cores()}
    with (
        subprocess.Popen(
            [sys.executable, "-c", DIRECT, json.dumps(orders)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as child,
        EmbeddedServer(path) as server,
    ):
        ours, theirs = partial(through_http, server), partial(without, child)
        rates(ours, -1), rates(theirs, -1)  # the first answers pay for loading pages
        found = [pair(ours, theirs, number) for number in range(ROUNDS)]
        if min(ratios(found)) < LEAST_RATIO:  # a machine's hiccup, or not: more rounds tell
            found += [pair(ours, theirs, number) for number in range(ROUNDS, 3 * ROUNDS)]
        child.stdin.close() if child.stdin else None
    for index, (name, ratio) in enumerate(zip(("prompt", "output"), ratios(found), strict=True)):
        print(f"model_{name}_tokens_per_s {median(one[index] for one, _ in found):.1f} -")
        print(f"llama_{name}_tokens_per_s {median(other[index] for _, other in found):.1f} -")
        print(f"model_{name}_ratio {ratio:.2f} {LEAST_RATIO}")
    print(f"model_first_token_s {first:.1f} {MOST_SECONDS}")
    return 0 if first <= MOST_SECONDS and min(ratios(found)) >= LEAST_RATIO else 1


def ratios(found: list[tuple[Rates, Rates]]) -> list[float]:
    """Return our prompt and output rates as shares of the others', medians over the rounds."""
    return [median(one[index] / other[index] for one, other in found) for index in (0, 1)]


def first_token(path: Path) -> float:
    """Return the seconds from nothing to the first token of a short prompt."""
    started = time.perf_counter()
    with EmbeddedServer(path) as server:
        through_http(server, {"prompt": "def add(a, b):", "max_tokens": 1})
        return time.perf_counter() - started


def pair(ours: Ask, theirs: Ask, number: int) -> tuple[Rates, Rates]:
    """Return the rates of both, which take turns in going first."""
    if number % 2:
        second = rates(theirs, number)
        return rates(ours, number), second
    return rates(ours, number), rates(theirs, number)


def rates(ask: Ask, number: int) -> Rates:
    """Return prompt tokens and output tokens per second; each `number` makes another prompt."""
    text = " ".join(f"x{number}{word}" for word in range(WORDS))
    seconds, used = ask({"prompt": text, "max_tokens": 1})
    prompt = used["prompt_tokens"] / seconds
    seconds, used = ask({"prompt": f"{number}", "max_tokens": OUTPUT, "ignore_eos": True})
    return prompt, used["completion_tokens"] / seconds


def through_http(server: EmbeddedServer, body: dict[str, Any]) -> tuple[float, dict[str, int]]:
    started = time.perf_counter()
    reply = requests.post(
        f"{server.url}/completions",
        json=body | {"temperature": 0, "cache_prompt": False},
        headers={"Authorization": f"Bearer {server.key}"},
        timeout=600,
    )
    seconds = time.perf_counter() - started
    return seconds, reply.json()["usage"]


def without(child: subprocess.Popen[bytes], body: dict[str, Any]) -> tuple[float, dict[str, int]]:
    assert child.stdin
    assert child.stdout
    child.stdin.write(json.dumps(body | {"temperature": 0, "cache_prompt": False}).encode() + b"\n")
    child.stdin.flush()
    seconds, used = json.loads(child.stdout.readline())
    return seconds, used


if __name__ == "__main__":
    sys.exit(main())
