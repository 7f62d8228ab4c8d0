"""The examination: what is found on this machine, and on one where things are missing."""

from __future__ import annotations

import io
import json
import platform
import shutil
from pathlib import Path

from agent.cli.doctor import (
    ENOUGH_BYTES,
    Finding,
    base_images,
    disk,
    examine,
    exit_code,
    free_bytes,
    lines,
    model,
    run,
    settings,
)
from agent.config import Config, read
from tests.stub_server import USD, Stub, fails, serving

NO_ENGINE = "unix:///nonexistent/docker.sock"


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {found.name: found for found in findings}


def bin_with(folder: Path, *programs: str) -> str:
    """Return a PATH on which only these programs are found."""
    for program in programs:
        found = shutil.which(program)
        assert found
        (folder / program).symlink_to(found)
    return str(folder)


def test_a_machine_that_has_everything(tmp_path: Path) -> None:
    config = Config(path=bin_with(tmp_path, "git"), keys={"GITHUB_TOKEN": "ghp_x"})
    found = by_name([*examine(config, tmp_path / "not" / "yet"), *settings(config, every=False)])
    assert found["Python"].text == platform.python_version()
    assert found["git"].text.startswith("git version ")
    assert found["Docker engine"].ok
    assert found["Docker engine"].text[0].isdigit()
    assert {"base images", "disk for runs"} <= set(found)
    assert (found["GITHUB_TOKEN"].text, found["OPENAI_API_KEY"].text) == ("set", "not set")
    assert exit_code(found.values()) == 0


def test_settings_that_differ_say_where_they_came_from(tmp_path: Path) -> None:
    (tmp_path / "repair-agent.toml").write_text("attempts = 2\nmax_steps = 250\n")
    config = read({"seed": 7}, {}, tmp_path)
    changed = list(lines(settings(config, every=False)))
    assert any(
        line.startswith("ok      attempts: 2  (from ") and line.endswith("repair-agent.toml)")
        for line in changed
    )
    assert "ok      seed: 7  (from an option)" in changed
    assert not [line for line in changed if "max_steps" in line or "the defaults" in line]
    whole = list(lines(settings(config, every=True)))
    assert set(changed) < set(whole)
    assert "ok      planner: auto  (from the defaults)" in whole
    assert [line for line in whole if line.startswith("ok      max_steps: 250  (from ")]


def test_without_engine_and_git_the_remedy_is_said_and_the_code_is_6(tmp_path: Path) -> None:
    findings = examine(Config(path=str(tmp_path), docker_host=NO_ENGINE), tmp_path)
    found = by_name(findings)
    assert not found["git"].ok
    assert not found["Docker engine"].ok
    assert "base images" not in found
    text = "\n".join(lines(findings))
    assert "MISSING git: not found on PATH\n        -> install git" in text
    assert "MISSING Docker engine: no Docker engine answers at /nonexistent" in text
    assert "-> start it" in text
    assert exit_code(findings) == 6


def test_a_git_that_does_not_run_is_missing(tmp_path: Path) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho broken >&2\nexit 3\n")
    (tmp_path / "git").chmod(0o755)
    findings = examine(Config(path=str(tmp_path), docker_host=NO_ENGINE), tmp_path)
    assert by_name(findings)["git"].text.endswith("does not run: broken")


def test_little_room_and_no_base_images_are_warnings_only() -> None:
    little = disk("disk for runs", ENOUGH_BYTES - 1)
    nothing = base_images(registry=False, debootstrap=None)
    assert not little.ok
    assert not nothing.ok
    assert exit_code([little, nothing]) == 0
    text = list(lines([little, nothing]))
    assert text[0] == "warning disk for runs: 10.0 GB free"
    assert text[1].strip().startswith("-> free some space")
    assert "debootstrap is not installed" in text[2]
    assert disk("disk", ENOUGH_BYTES).ok
    assert base_images(registry=True, debootstrap=None).ok


def test_room_is_looked_up_where_a_folder_would_be_made(tmp_path: Path) -> None:
    expected = shutil.disk_usage(tmp_path).free
    assert abs(free_bytes(tmp_path / "a" / "b") - expected) < 10**9


def test_no_secret_is_printed_in_either_form(tmp_path: Path) -> None:
    environ = {
        "OPENAI_API_KEY": "sk-verysecretindeed",
        "OPENAI_BASE_URL": "https://ada:hunter2@models.example/v1",
        "HTTPS_PROXY": "http://proxy.corp.example:3128",
        "PATH": bin_with(tmp_path, "git"),
    }
    (tmp_path / "script.json").write_text("{}")
    config = read({"model": f"scripted:{tmp_path}/script.json"}, environ, tmp_path)
    text, data = io.StringIO(), io.StringIO()
    for as_json, out in ((False, text), (True, data)):
        assert run(config, every_setting=True, as_json=as_json, out=out) == 0
    for printed in (text.getvalue(), data.getvalue()):
        assert "OPENAI_API_KEY" in printed
        assert "models.example" in printed
        for secret in ("verysecret", "hunter2", "corp.example"):
            assert secret not in printed
    assert {"name", "ok", "text", "remedy", "needed"} == set(json.loads(data.getvalue())[0])


def test_a_model_server_is_asked_for_one_tiny_call(tmp_path: Path) -> None:
    with serving(Stub(lambda name, said: {}, window=32_000)) as stub:
        config = Config("stub", stub.url, prices={"stub": USD}, path=str(tmp_path))
        found = model(config)
        assert found.ok
        assert found.text.startswith(
            "stub: calls tools, several replies to one prompt, window of 32,000 tokens, "
            "$2 and $8 per million tokens in and out ("
        )
        assert len(stub.requests) == 1

        stub.tools = False
        assert "writes its calls as text" in model(config).text

        stub.faults = [fails(401, "Incorrect API key")] * 3
        refused = model(config)
    assert not refused.ok
    assert refused.needed
    assert "refused the key" in refused.text
    assert "OPENAI_API_KEY" in refused.remedy


def test_a_server_that_is_away_is_said_with_its_address() -> None:
    away = model(Config("some", "http://127.0.0.1:9/v1"))
    assert not away.ok
    assert "nothing answers at http://127.0.0.1:9/v1" in away.text
