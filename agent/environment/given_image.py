"""Images that somebody else made: examined, and completed with the repository if it is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from agent.environment import image_registry, install, test_command
from agent.environment.archives import pack_folder
from agent.environment.build import LOG, SYSTEM_PATH, Build, clip, reference_of
from agent.environment.install import TESTBED
from agent.environment.recipe import TEST_COMMAND, TOOLCHAIN
from agent.intake.repository import Source
from tools.base import NetworkError, UserError
from tools.sandbox.container import ImageInfo
from tools.sandbox.image_builder import Builder

CONDA = "/opt/miniconda3/envs/testbed"
"""Where SWE-bench's own images hold their environment; only interactive shells activate it."""
ADD_GIT = """if command -v apt-get > /dev/null; then
  apt-get update && apt-get install -y --no-install-recommends git
elif command -v apk > /dev/null; then apk add --no-cache git
elif command -v dnf > /dev/null; then dnf install -y git
elif command -v microdnf > /dev/null; then microdnf install -y git
else echo 'no git in the image'; exit 1; fi"""
GIT = f"HOME=/tmp/look git -C {TESTBED}"
TRUSTING = (
    f"mkdir -p /tmp/look && printf '[safe]\\n\\tdirectory = {TESTBED}\\n' > /tmp/look/.gitconfig"
)
"""The repository may not belong to root, and git reads `safe.directory` from a home only."""
ROOT = ("", "0", "root", "0:0", "root:root")
FORGET = f"""cd {TESTBED} && git checkout --quiet --detach HEAD \
&& git for-each-ref --format='delete %(refname)' | git update-ref --stdin \
&& rm -f .git/FETCH_HEAD .git/ORIG_HEAD && git reflog expire --expire=now --all \
&& git gc --quiet --prune=now"""
"""Removes what a repository holds beyond its commit: later commits may contain the fix."""


@dataclass(frozen=True)
class Given:
    """An image that holds the repository at /testbed.

    `commit` is the one that changes are taken against. `labels` tell the Python (`Python 3.9.2`),
    the log, and the test command by the repository's files where the image can run it.
    """

    reference: str
    commit: str
    labels: Mapping[str, str]


def image(build: Build, reference: str, source: Source, *, above: bool = False) -> Given:
    """Return an image with the repository in it; a new one is made where that takes a change.

    A repository that stands in the image's working folder is moved to /testbed, its old name a
    link, so that what was installed from there goes on working. `above` accepts one that holds
    commits above the source's. Raises UserError when the image is nowhere or holds another commit,
    WorldError, EngineError.
    """
    found = available(build, reference)
    facts = _look(build, reference, found.workdir, source)
    head = facts.get("repository", source.commit)
    if head != source.commit and not (above and facts.get("above") == "yes"):
        raise UserError(
            f"the repository in {reference} is at {head[:12]}, not at {source.commit[:12]}",
            "name that commit with --ref, or give an image without /testbed",
        )
    if not above:  # the user's own image, with whatever history it has
        facts.pop("later", None)
    if not {"repository", "git"} <= set(facts) or "later" in facts or _inactive(found, facts):
        reference = _completed(build, reference, found, facts, source)
    labels = {TOOLCHAIN: facts.get("toolchain", "no Python"), LOG: build.log}
    command = test_command.detect(source.folder)
    if command and ("runner" in facts or command != test_command.PYTEST):
        labels[TEST_COMMAND] = command
    return Given(reference, head, labels)


def available(build: Build, reference: str) -> ImageInfo:
    """Return an image that is there or can be pulled; raises UserError, NetworkError."""
    engine = build.host.engine
    try:
        return engine.image(reference) or image_registry.pull(engine, reference, build.note)
    except NetworkError as error:
        if image_registry.is_absent(error):
            raise UserError(f"there is no image {reference}", error.message) from error
        raise


def _look(build: Build, reference: str, workdir: str, source: Source) -> dict[str, str]:
    """Return what an image holds, by the name of each fact.

    SWE-bench's own images hold the commit with what installing changed committed above it.
    """
    names = " ".join(quote(name) for name in _top_level(source.folder))
    script = f"""{TRUSTING}
command -v git > /dev/null && echo git yes
test -d {CONDA}/bin && test ! -h {CONDA} && echo conda yes && PATH={CONDA}/bin:$PATH
test -d {TESTBED}/.git && echo repository $({GIT} rev-parse HEAD) \
&& {GIT} merge-base --is-ancestor {source.commit} HEAD 2> /dev/null && echo above yes
test -n "$({GIT} rev-list --all --reflog --not HEAD 2> /dev/null | head -n 1)" \
&& echo later yes
for name in python python3; do
  command -v $name > /dev/null && echo toolchain $($name --version 2>&1) && break
done
python -c 'import pytest' 2> /dev/null && echo runner pytest
cd {quote(workdir or "/")} && same=0 && for name in {names}; do
  test -e "$name" && same=$((same + 1))
done; echo same $same
true"""
    with Builder(build.host.engine, reference) as builder:
        facts = build.run(builder, f"look into {reference}", script)
    return dict(line.split(" ", 1) for line in facts.splitlines() if " " in line)


def _completed(
    build: Build, reference: str, found: ImageInfo, facts: Mapping[str, str], source: Source
) -> str:
    """Return an image with git and the repository added."""
    # Most of what stands at the top of the repository stands in the working folder: it is a copy.
    copied = 2 * int(facts.get("same", "0")) > len(_top_level(source.folder))
    workdir = found.workdir if copied and found.workdir.strip("/") else ""
    variables = dict(found.environment)
    if _inactive(found, facts):
        variables["PATH"] = f"{CONDA}/bin:{variables.get('PATH', SYSTEM_PATH)}"
    content = f"{found.digest} {source.content} {workdir} {'git' in facts} {variables.get('PATH')}"
    content += " forgotten" if "later" in facts else ""
    made = reference_of("given", content)
    if build.host.engine.image(made):
        return made
    build.note(f"completing {reference}")
    with build.open(reference) as builder:
        if "git" not in facts:
            build.run(builder, "add git", ADD_GIT)
        if "repository" not in facts:
            if workdir and workdir.rstrip("/") != TESTBED:
                moved = (
                    f"cd / && {{ [ ! -e {TESTBED} ] || rmdir {TESTBED}; }} && "
                    f"mv {quote(workdir)} {TESTBED} && ln -s {TESTBED} {quote(workdir)}"
                )
                build.run(builder, f"move {workdir} to {TESTBED}", moved)
            builder.put("/", pack_folder(source.folder, TESTBED.strip("/")))
            build.run(builder, "settle the repository", f"chown -R 0:0 {TESTBED}; {install.SETTLE}")
        if "later" in facts:
            build.run(builder, "forget commits that are later than the image's", FORGET)
        if found.user not in ROOT:
            build.run(builder, "give it to its user", f"chown -R {quote(found.user)} {TESTBED}")
        labels = {"repair-agent": "image", LOG: clip(build.log)}
        builder.commit(made, labels=labels, environment=variables, workdir=TESTBED, user=found.user)
    return made


def _inactive(found: ImageInfo, facts: Mapping[str, str]) -> bool:
    """Tell whether an image holds an environment of conda that its processes do not see."""
    return "conda" in facts and f"{CONDA}/bin" not in found.environment.get("PATH", "")


def _top_level(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != ".git")
