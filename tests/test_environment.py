"""Images that run a repository: built, kept, shared and given; real containers throughout."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import certifi
import pytest

from agent.environment.archives import pack_folder
from agent.environment.build_network import BuildNetwork, Host
from agent.environment.image_source import Preferences, local, prepare
from agent.intake.repository import Source, fetch
from agent.records import Image, Task
from tests.samples import engine_api
from tools.base import UserError, WorldError
from tools.process_owner import owner
from tools.run_tests import Canaries, run_tests, run_written
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.engine import Engine
from tools.sandbox.image_builder import Builder

PYTHON = "3.9"  # one base image for all of these tests
MARK = "marker-of-this-machine.example"
NOT_GREEN = {
    "test_issue_8470",
    "test_latex_symbols_failing",
    "test_builtin_without_args_mismatched_names",
}


def task(source: Source, test_command: str | None = None) -> Task:
    return Task(
        "id", "file", source.shown, source.commit, "title", "body", test_command=test_command
    )


def commit(folder: Path, message: str, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-q", "-m", message]):
        subprocess.run(["git", *command], cwd=folder, check=True)


PROJECT = {
    "setup.py": "import setuptools\nsetuptools.setup(name='tiny', py_modules=['tiny'])\n",
    "tiny.py": "def two():\n    return 2\n",
    "tests/test_tiny.py": "import tiny\n\ndef test_two():\n    assert tiny.two() == 2\n",
}


@pytest.fixture
def images(engine: Engine) -> Iterator[list[str]]:
    """References to remove at the end."""
    made: list[str] = []
    yield made
    for reference in made:
        engine.remove_image(reference)


@pytest.fixture
def marked(network: BuildNetwork, tmp_path: Path) -> BuildNetwork:
    """This machine's network with a mark in each value that must stay out of images."""
    bundle = (network.ca_bundle or Path(certifi.where())).read_text()
    (tmp_path / "bundle.pem").write_text(f"# {MARK}\n{bundle}")
    proxies = {**network.proxies, "no_proxy": f"{network.proxies.get('no_proxy', '')},{MARK}"}
    return replace(network, proxies=proxies, ca_bundle=tmp_path / "bundle.pem")


def test_sympy_of_2017_runs_its_tests(
    engine: Engine, network: BuildNetwork, tmp_path: Path
) -> None:
    source = fetch("pypi:sympy==1.1.1", None, tmp_path / "sympy", index_url=network.index_url)
    image = prepare(task(source), source, Host(engine, network, print), Preferences())
    assert (image.made, image.toolchain) == ("built", "Python 3.9.2")
    assert image.test_command == "python -m pytest"
    assert "mpmath==1.2.1" in image.log
    with DockerSandbox(engine, image.reference) as sandbox:
        assert sandbox.run("git rev-parse HEAD").output.strip() == source.commit
        assert sandbox.run("git status --porcelain").output == ""
        done = sandbox.run(f"{image.test_command} -q -rfxE sympy/printing/tests/test_latex.py")
        # Two of the three are known failures that the project marks as such.
        told = [line for line in done.output.splitlines() if line.startswith(("FAILED", "XFAIL"))]
        assert {line.split("::")[1].split()[0] for line in told} == NOT_GREEN
        assert "105 passed" in done.output
        assert sandbox.run("git status --porcelain").output == ""


def test_django_runs_its_tests_with_its_own_runner(
    engine: Engine, network: BuildNetwork, tmp_path: Path
) -> None:
    source = fetch("pypi:django==3.2", None, tmp_path / "django", index_url=network.index_url)
    image = prepare(task(source), source, Host(engine, network, print), Preferences(python=PYTHON))
    assert image.test_command == "python tests/runtests.py"
    row = "ConnectionHandlerTests::test_nonexistent_alias"
    written = {
        "tests/db_utils/test_new.py": "from django.contrib.auth.models import Group\n\n"
        "def test_rows():\n    Group.objects.create()\n    assert Group.objects.count() == 2\n"
    }
    with DockerSandbox(engine, image.reference) as sandbox:
        canaries = Canaries.beside("tests/db_utils")
        paths = ["tests/db_utils/tests.py"]
        run = run_tests(sandbox, image.test_command, paths, canaries=canaries)
        assert (run.broken, run.tampered) == ("", "")
        found = {report.id: report.result for report in run.reports}
        assert found[f"tests/db_utils/tests.py::{row}"] == "pass"
        assert set(found.values()) <= {"pass", "skip"}
        (report,) = run_written(sandbox, image.test_command, written, timeout=120).reports
        assert (report.id, report.result) == ("tests/db_utils/test_new.py::test_rows", "fail")
        assert report.exception == "AssertionError", "a database was there, and one row in it"


def test_a_build_is_kept_shared_and_clean(
    engine: Engine, marked: BuildNetwork, tmp_path: Path, images: list[str]
) -> None:
    commit(tmp_path / "tiny", "one", PROJECT)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    image = prepare(task(source), source, Host(engine, marked, print), Preferences(python=PYTHON))
    images.append(image.reference)
    assert_runs(engine, image, source)
    assert_unmarked(engine, image)

    started = monotonic()
    again = prepare(
        task(source, "make"), source, Host(engine, marked, print), Preferences(python=PYTHON)
    )
    assert monotonic() - started < 3
    assert replace(again, seconds=image.seconds, test_command=image.test_command) == image
    assert again.test_command == "make"

    commit(tmp_path / "tiny", "two", {"tiny.py": "def two():\n    return 1 + 1\n"})
    later = fetch(str(tmp_path / "tiny"), None, tmp_path / "two")
    neighbour = prepare(task(later), later, Host(engine, marked, print), Preferences(python=PYTHON))
    images.append(neighbour.reference)
    assert neighbour.reference != image.reference
    assert "install the dependencies: kept from an earlier build" in neighbour.log
    assert shared_layers(image, neighbour) == 3


def assert_runs(engine: Engine, image: Image, source: Source) -> None:
    with DockerSandbox(engine, image.reference) as sandbox:
        done = sandbox.run(f"{image.test_command} -q && git status --porcelain")
        assert done.ok, done.output
        assert done.output.rstrip().splitlines()[-1].startswith("1 passed")
        told = sandbox.run("git log --all --format=%H; git remote; ls -A /mnt /media /tmp")
        assert source.commit in told.output
        assert not {"uv", "ca.pem", "main/.git"} & set(told.output.split())
        assert sandbox.run("command -v python").output == "/opt/venv/bin/python\n"
        assert sandbox.run("git check-ignore tiny.egg-info").ok


def assert_unmarked(engine: Engine, image: Image) -> None:
    """Assert that nothing of this machine's network is in configuration, history, log or files."""
    api = engine_api()
    known = [api.inspect_image(image.reference), api.history(image.reference)]
    assert MARK not in json.dumps(known)
    assert MARK not in image.log
    with DockerSandbox(engine, image.reference) as sandbox:
        assert MARK not in sandbox.run("env").output
        sandbox.write("/planted", MARK.encode())
        searched = sandbox.run(
            f"find / -xdev -type f -print0 | LC_ALL=C xargs -0 grep -alF {MARK}", timeout=240
        )
        assert not searched.timed_out
        assert searched.output.split() == ["/planted"]


def shared_layers(one: Image, two: Image) -> int:
    stacks = [
        engine_api().inspect_image(image.reference)["RootFS"]["Layers"] for image in (one, two)
    ]
    return sum(left == right for left, right in zip(*stacks, strict=True))


def test_a_repository_without_build_files_or_tests_is_importable(
    engine: Engine, network: BuildNetwork, tmp_path: Path, images: list[str]
) -> None:
    commit(tmp_path / "plain", "one", {"src/plain.py": "x = 1\n", "README": "hello\n"})
    source = fetch(str(tmp_path / "plain"), None, tmp_path / "one")
    image = prepare(task(source), source, Host(engine, network, print), Preferences(python=PYTHON))
    images.append(image.reference)
    assert image.test_command is None
    with DockerSandbox(engine, image.reference) as sandbox:
        done = sandbox.run("cd / && python -c 'import plain; print(plain.x)'")
        assert (done.exit_code, done.output) == (0, "1\n")


def test_a_build_that_cannot_succeed_says_what_failed(
    engine: Engine, network: BuildNetwork, tmp_path: Path
) -> None:
    setup = PROJECT["setup.py"].replace(
        "py_modules", "install_requires=['six==0.0.4711'], py_modules"
    )
    commit(tmp_path / "bad", "one", {**PROJECT, "setup.py": setup})
    source = fetch(str(tmp_path / "bad"), None, tmp_path / "one")
    shown: list[str] = []
    with pytest.raises(WorldError) as caught:
        prepare(
            task(source), source, Host(engine, network, shown.append), Preferences(python=PYTHON)
        )
    assert "uv pip compile" in caught.value.message
    assert "six" in caught.value.message
    assert "\n" not in caught.value.message
    assert "--image" in caught.value.hint
    assert any("six" in line for line in shown)
    assert not [item for item in engine.containers() if item.owner == owner()]


def test_a_build_that_hangs_is_stopped_in_time(
    engine: Engine, network: BuildNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup = f"import time\ntime.sleep(600)\n{PROJECT['setup.py']}"
    commit(tmp_path / "slow", "one", {**PROJECT, "setup.py": setup})
    source = fetch(str(tmp_path / "slow"), None, tmp_path / "one")
    monkeypatch.setattr("agent.environment.build.SECONDS", 12.0)
    before = {tag for one in engine.images() for tag in one.tags}
    started = monotonic()
    with pytest.raises(WorldError, match="was stopped") as caught:
        prepare(task(source), source, Host(engine, network, print), Preferences(python=PYTHON))
    assert monotonic() - started < 40
    assert "--image" in caught.value.hint
    assert not [item for item in engine.containers() if item.owner == owner()]
    after = {tag for one in engine.images() for tag in one.tags}
    assert not [tag for tag in after - before if not tag.startswith("repair-agent/layer:")]


def test_a_given_image_gets_the_repository_when_it_has_none(
    engine: Engine, python_image: str, tmp_path: Path, images: list[str]
) -> None:
    commit(tmp_path / "tiny", "one", PROJECT)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    image = prepare(
        task(source, "python3 -c 'import tiny'"),
        source,
        Host(engine, BuildNetwork(), print),
        Preferences(image=python_image),
    )
    images.append(image.reference)
    assert image.made == "given"
    assert image.toolchain.startswith("Python 3")
    with DockerSandbox(engine, image.reference) as sandbox:
        assert sandbox.run("git rev-parse HEAD").output.strip() == source.commit
        assert sandbox.run(str(image.test_command)).ok

    same = prepare(
        task(source),
        source,
        Host(engine, BuildNetwork(), print),
        Preferences(image=image.reference),
    )
    assert (same.reference, same.made) == (image.reference, "given")
    assert same.test_command is None  # there is no pytest in it

    commit(tmp_path / "tiny", "two", {"tiny.py": ""})
    other = fetch(str(tmp_path / "tiny"), None, tmp_path / "two")
    with pytest.raises(UserError, match="is at"):
        prepare(
            task(other),
            other,
            Host(engine, BuildNetwork(), print),
            Preferences(image=image.reference),
        )


def test_a_given_image_of_another_user_stays_that_users(
    engine: Engine, python_image: str, tmp_path: Path, images: list[str]
) -> None:
    commit(tmp_path / "tiny", "one", PROJECT)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    theirs = "repair-agent/test:theirs"
    with Builder(engine, python_image) as builder:
        builder.put("/srv", pack_folder(source.folder, "work"))
        code, said = builder.run("rm -rf /srv/work/.git && chown -R 1000:1000 /srv/work")
        assert code == 0, said
        builder.commit(
            theirs, labels={"repair-agent": "test"}, workdir="/srv/work", user="1000:1000"
        )
    images.append(theirs)
    image = prepare(
        task(source), source, Host(engine, BuildNetwork(), print), Preferences(image=theirs)
    )
    images.append(image.reference)
    with DockerSandbox(engine, image.reference) as sandbox:
        assert sandbox.run("id -u").output == "1000\n"
        sandbox.write("tiny.py", b"def two():\n    return 2\n")
        assert sandbox.run("git add -A && git diff --cached --stat && echo x > new").ok
        assert sandbox.run("git rev-parse HEAD").output.strip() == source.commit
    again = prepare(
        task(source),
        source,
        Host(engine, BuildNetwork(), print),
        Preferences(image=image.reference),
    )
    assert again.reference == image.reference, "what it needs is in it"


OFFICIAL = """set -e
mkdir -p /opt/miniconda3/envs/testbed/bin
printf '#!/bin/sh\\nexec python3 "$@"\\n' > /opt/miniconda3/envs/testbed/bin/python
chmod +x /opt/miniconda3/envs/testbed/bin/python
cd /testbed
git branch -q old
echo 'the fix' > fix.py && git add fix.py
git -c user.name=A -c user.email=a@example.org commit -q -m future
git branch -q future && git reset -q --hard old && git branch -q -d old
echo '# as installing left it' >> setup.py
git -c user.name=A -c user.email=a@example.org commit -q --allow-empty -am SWE-bench
git rev-parse HEAD
"""


def test_a_rows_image_is_taken_as_swe_bench_makes_it(
    engine: Engine, python_image: str, tmp_path: Path, images: list[str]
) -> None:
    """The commit lies below one that holds what installing changed; conda is not on the PATH."""
    commit(tmp_path / "tiny", "one", PROJECT)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    row = "repair-agent/test:sweb.eval.x86_64.tiny"
    with Builder(engine, python_image) as builder:
        builder.put("/", pack_folder(source.folder, "testbed"))
        code, head = builder.run(OFFICIAL)
        assert code == 0, head
        builder.commit(row, labels={"repair-agent": "test"}, workdir="/testbed")
    images.append(row)
    image = prepare(
        task(source),
        source,
        Host(engine, BuildNetwork(), print),
        Preferences(swebench=True, row_image=row),
    )
    images.append(image.reference)
    assert (image.made, image.commit) == ("pulled", head.strip())
    assert image.commit != source.commit
    with DockerSandbox(engine, image.reference) as sandbox:
        there = sandbox.run("command -v python; git status --porcelain").output
        assert there == "/opt/miniconda3/envs/testbed/bin/python\n"
        blobs = sandbox.run("git cat-file --batch-all-objects --batch --buffer").output
        assert "as installing left it" in blobs
        assert "the fix" not in blobs, "what came after the issue cannot be looked up"
        assert sandbox.run("git rev-parse HEAD").output == head
    with pytest.raises(UserError, match="is at"):  # a user's own image must hold what was asked
        prepare(task(source), source, Host(engine, BuildNetwork(), print), Preferences(image=row))


def test_an_image_that_is_nowhere_is_said(engine: Engine, tmp_path: Path) -> None:
    commit(tmp_path / "tiny", "one", PROJECT)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    # Whether a registry says no or none answers depends on the machine.
    with pytest.raises((UserError, WorldError), match="repair-agent/no-such-image"):
        prepare(
            task(source),
            source,
            Host(engine, BuildNetwork(), print),
            Preferences(image="repair-agent/no-such-image"),
        )


def test_an_unknown_python_is_the_users_error(engine: Engine, tmp_path: Path) -> None:
    commit(tmp_path / "tiny", "one", PROJECT)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    with pytest.raises(UserError, match="no Python version"):
        prepare(
            task(source), source, Host(engine, BuildNetwork(), print), Preferences(python="nine")
        )


def test_a_missing_ca_bundle_is_the_users_error(
    engine: Engine, network: BuildNetwork, tmp_path: Path
) -> None:
    commit(tmp_path / "tiny", "one", PROJECT)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    wrong = replace(network, ca_bundle=tmp_path / "none.pem")
    with pytest.raises(UserError, match="cannot read the CA bundle"):
        prepare(task(source), source, Host(engine, wrong, print), Preferences(python=PYTHON))


def test_local_runs_with_the_hosts_python(tmp_path: Path) -> None:
    commit(tmp_path / "tiny", "one", PROJECT)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    image = local(source, task(source, "make test"), print)
    assert (image.reference, image.digest, image.made) == ("local", "", "local")
    assert image.toolchain.startswith("Python 3")
    assert image.test_command == "make test"
    with pytest.raises(WorldError, match="no python3"):
        local(source, task(source), print, path=str(tmp_path))
