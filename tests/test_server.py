"""The server's life with a model of some kilobytes; its answers with the real one."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from agent.errors import WorldError
from agent.model.embedded.server import EmbeddedServer, telling
from tests.tiny_model import CONTEXT, write_tiny_model

PROJECT = Path(__file__).parent.parent
PROGRAM = Path(sys.executable).with_name("repair-agent")
PARENT = """
import sys, time
from pathlib import Path
from agent.model.embedded.server import EmbeddedServer
with EmbeddedServer(Path(sys.argv[1]), context=512) as server:
    print(server.url, server.key, flush=True)
    time.sleep(60)
"""
FUNCTION = "Write a Python function add(a, b) that returns the sum. Only the code."
GRAMMAR = 'root ::= "def add(a, b):\\n    return a " [-+*] " b\\n"'


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny.gguf")


def ask(server: EmbeddedServer, way: str, *, key: str | None = None, **body: Any) -> Any:
    reply = requests.post(
        f"{server.url}/{way}",
        json=body,
        headers={"Authorization": f"Bearer {key or server.key}"},
        timeout=240,
    )
    reply.raise_for_status()
    return reply.json()


def children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


def serving(of: int) -> int:
    """Return the process id of the server that a process starts, as soon as it runs."""
    found: list[int] = []

    def started() -> bool:
        names = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in children(of)}
        found.extend(child for child, name in names.items() if b"server_process.py" in name)
        return bool(found)

    assert eventually(started)
    return found[0]


def gone(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"  # dead, and not yet collected by whoever inherited it


def eventually(true: Callable[[], bool], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


@contextmanager
def parent(*words: str | Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        words,
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_the_real_model_answers(model_path: Path) -> None:
    """Several answers for one prompt, held to a grammar; usage counts the first of them only."""
    with EmbeddedServer(model_path) as server:
        said = ask(
            server,
            "chat/completions",
            messages=[{"role": "user", "content": FUNCTION}],
            n=2,
            max_tokens=20,
            temperature=0.2,
            grammar=GRAMMAR,
        )
        texts = [choice["message"]["content"] for choice in said["choices"]]
        assert texts == ["def add(a, b):\n    return a + b\n"] * 2
        assert said["usage"]["completion_tokens"] < 20
        assert server.alive()


def test_it_lives_as_long_as_its_block(tiny: Path) -> None:
    with EmbeddedServer(tiny, context=CONTEXT) as server:
        pid = serving(os.getpid())
        host, _, port = server.url.removesuffix("/v1").removeprefix("http://").partition(":")
        assert (host, server.alive()) == ("127.0.0.1", True)
        assert ask(server, "completions", prompt="a", max_tokens=3)["choices"][0]["text"]
        said = ask(server, "chat/completions", messages=[{"role": "user", "content": "a"}], n=4,
                   max_tokens=3)  # fmt: skip
        assert len(said["choices"]) == 4
        log = Path(f"/proc/{pid}/fd/2").readlink()
        assert log.parent.name.startswith("repair-agent-")
    assert gone(pid)
    assert not server.alive()
    assert not log.parent.exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    server.close()


def test_only_who_has_the_key_is_answered(tiny: Path) -> None:
    with EmbeddedServer(tiny, context=CONTEXT) as server, EmbeddedServer(tiny) as other:
        assert server.key != other.key
        with pytest.raises(requests.HTTPError, match="401"):
            ask(server, "completions", key=other.key, prompt="a", max_tokens=1)
        pid = serving(os.getpid())
        for file in ("cmdline", "environ"):
            assert server.key.encode() not in Path(f"/proc/{pid}/{file}").read_bytes()


def test_a_given_port_and_key(tiny: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(WorldError, match=f"couldn't bind .* port: {port}") as caught:
            EmbeddedServer(tiny, port=port).__enter__()
        assert "\n" not in caught.value.message
    with EmbeddedServer(tiny, context=CONTEXT, port=port, key="open sesame") as server:
        assert server.url == f"http://127.0.0.1:{port}/v1"
        assert ask(server, "completions", key="open sesame", prompt="a", max_tokens=1)


def test_a_model_that_does_not_load_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(2000))
    with pytest.raises(WorldError, match=r"does not start with broken\.gguf: .*fail") as caught:
        EmbeddedServer(path).__enter__()
    assert "\n" not in caught.value.message


def test_its_crash_is_not_ours_and_is_explained(tiny: Path) -> None:
    with EmbeddedServer(tiny, context=CONTEXT) as server:
        os.kill(serving(os.getpid()), signal.SIGSEGV)
        server.wait()
        assert not server.alive()
        assert "signal 11" in server.last_words()


@pytest.mark.parametrize("loading", [True, False])
def test_it_is_gone_when_its_parent_is_killed(tiny: Path, model_path: Path, loading: bool) -> None:
    """Loading the real model takes seconds, in which no Python code of the child can run."""
    with parent(sys.executable, "-c", PARENT, model_path if loading else tiny) as process:
        if loading:
            pid = serving(process.pid)
            maps = Path(f"/proc/{pid}/maps")
            assert eventually(lambda: model_path.name in maps.read_text())
        else:
            assert process.stdout
            assert process.stdout.readline().startswith("http://127.0.0.1:")
            pid = serving(process.pid)
        assert os.getsid(pid) == pid
        process.kill()
        process.wait()
        assert eventually(lambda: gone(pid), seconds=2)


def test_nothing_of_the_working_directory_is_loaded(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json", "xllamacpp", "agent"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with EmbeddedServer(tiny, context=CONTEXT) as server:
        assert server.alive()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_serving_to_others_until_a_signal(tiny: Path, number: int, code: int) -> None:
    words = ("model", "serve", "-m", f"local:{tiny}", "--context", "512", "--key", "k")
    with parent(PROGRAM, *words) as process:
        assert process.stdout
        url, key = (process.stdout.readline().strip() for _ in range(2))
        assert key == "OPENAI_API_KEY=k"
        reply = requests.get(
            f"{url.removeprefix('OPENAI_BASE_URL=')}/models",
            headers={"Authorization": "Bearer k"},
            timeout=30,
        )
        assert reply.json()["data"][0]["id"] == "tiny"
        pid = serving(process.pid)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (code, "")
        assert "serving it as tiny, 512 tokens" in err
        assert "Traceback" not in err
        assert gone(pid)


def test_serving_ends_when_the_server_dies(tiny: Path) -> None:
    with parent(PROGRAM, "model", "serve", "-m", f"local:{tiny}", "--context", "512") as process:
        assert process.stdout
        process.stdout.readline()
        os.kill(serving(process.pid), signal.SIGKILL)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 6
        assert "error: the model server died: " in err
        assert "signal 9" in err


def test_the_telling_lines_of_a_log() -> None:
    log = "0.00.001 I srv init: fine\n0.00.002 E srv load: no memory\nTraceback (most\n  File x\n"
    assert telling(log + "RuntimeError: Failed\n") == [
        "srv load: no memory",
        "RuntimeError: Failed",
    ]
    assert telling("0.00.001 I srv init: fine\n") == ["I srv init: fine"]
