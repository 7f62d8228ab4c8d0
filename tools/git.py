"""The only door to git; its failures become errors here.

Two surroundings are kept apart. Talking to a repository that the user named uses the user's own
configuration (credentials, proxies). Everything that happens in a repository of ours is `alone`:
no configuration, hooks, filters such as LFS, or signing.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.base import Explained, NetworkError, UserError, WorldError
from tools.git_url import SCHEMES, is_url, redacted

SECONDS = 1800.0
STALLED_SECONDS = 60
REF_HINT = "--ref takes a branch, a tag or a commit"

FOREIGN = (  # what a caller's own git would make ours act on
    "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_TRACE", "GIT_CONFIG_PARAMETERS",
    "GIT_CONFIG_COUNT", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_EXTERNAL_DIFF", "GIT_TEMPLATE_DIR",
)  # fmt: skip
SETTINGS = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.askPass": "",
    "core.autocrlf": "false",
    "core.logAllRefUpdates": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "commit.gpgSign": "false",
    "fetch.recurseSubmodules": "false",
    "http.lowSpeedLimit": "1",
    "http.lowSpeedTime": str(STALLED_SECONDS),
    "protocol.version": "2",
    "protocol.allow": "never",
    **{f"protocol.{scheme}.allow": "always" for scheme in SCHEMES},
}
QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_LFS_SKIP_SMUDGE": "1",
}
ALONE = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "HOME": "/nonexistent",
    "XDG_CONFIG_HOME": "/nonexistent",
}

NO_SUCH_REF = (
    "couldn't find remote ref", "unknown revision", "needed a single revision", "bad revision",
)  # fmt: skip
REFUSED_SHA = ("not our ref", "unadvertised object", "allow-tip-sha1", "allow-reachable-sha1")
NO_ACCESS = (
    "authentication failed", "could not read username", "could not read password",
    "terminal prompts disabled", "permission denied", "repository not found", "returned error: 40",
    "host key verification failed",
)  # fmt: skip
ABSENT = ("not appear to be a git repository", "not a git repository", "no such file", "not found")
OFFLINE = (
    "could not resolve", "unable to access", "connection", "timed out", "early eof", "hung up",
    "operation too slow", "network", "could not read from remote", "rpc failed",
)  # fmt: skip


class GitError(Exception):
    """A git command that did not succeed; `text` is what git printed, credentials removed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text

    def says(self, marks: Sequence[str]) -> bool:
        """Tell whether any of these words, in lower case, is in the text."""
        return any(mark in self.text.lower() for mark in marks)

    @property
    def line(self) -> str:
        """The one line that tells most."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        marked = [line for line in lines if re.match("fatal:|error:|remote:|ERROR:", line)]
        chosen = (marked or lines or ["git said nothing"])[0]
        return re.sub(r"^(?:fatal|error|remote|ERROR): ?", "", chosen)


def run(
    *arguments: str, folder: Path, alone: bool = True, environment: Mapping[str, str] | None = None
) -> str:
    """Run one git command in a folder and return its standard output without the last line end.

    Undecodable bytes come as surrogate escapes. Raises GitError, and WorldError without git.
    """
    # Importing GitPython runs git, and fails where there is none: at import time that would be
    # a traceback in every command, and here it is a line that says what is missing.
    try:
        import git  # noqa: PLC0415
    except ImportError as error:
        raise _missing() from error
    # GitPython hands on the environment of this process; only `env` takes something out of it.
    unset = [part for name in FOREIGN for part in ("-u", name)]
    settings = [part for key, value in SETTINGS.items() for part in ("-c", f"{key}={value}")]
    running = git.Git(folder).execute(  # it ends git when nobody holds it any more
        ["env", *unset, "git", *settings, *arguments],
        env={**QUIET, **(ALONE if alone else {}), **(environment or {})},
        as_process=True,
        start_new_session=True,  # without a terminal nothing can ask for a password on it
    )
    process = running.proc
    assert process is not None
    try:
        output, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise GitError(f"fatal: timed out after {SECONDS / 60:.0f} minutes") from error
    finally:  # GitPython's own time limit outlives an interrupt, and so does git
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode == 127:
        raise _missing()
    text: str = output.decode("utf-8", "surrogateescape")
    if process.returncode:
        raise GitError(redacted(errors.decode("utf-8", "replace").strip() or text))
    return text.removesuffix("\n")


def _missing() -> WorldError:
    return WorldError("git is not installed", "install it, as in `apt-get install git`")


@contextmanager
def translated(source: str, ref: str | None = None) -> Iterator[None]:
    """Turn GitError into whose error it is: the user's, the network's or the world's."""
    try:
        yield
    except GitError as failed:
        raise _translation(failed, redacted(source), ref) from failed


def _translation(failed: GitError, source: str, ref: str | None) -> Explained:
    if failed.says(("dubious ownership",)):
        hint = f"allow it: git config --global --add safe.directory {source}"
        return UserError(f"{source} belongs to another user, and git will not read it", hint)
    if failed.says((*NO_SUCH_REF, *REFUSED_SHA)):
        return UserError(f"{source} has no ref {ref or 'HEAD'}", REF_HINT)
    if failed.says(NO_ACCESS):
        hint = "check the name; for a private repository set up git's own credentials for it"
        return UserError(f"cannot read {source}: {failed.line}", hint)
    if failed.says(ABSENT):
        return UserError(f"there is no git repository at {source}", "check the name")
    if failed.says(OFFLINE) and is_url(source):
        hint = "check the network and the URL, then run it again"
        return NetworkError(f"cannot reach {source}: {failed.line}", hint)
    return WorldError(f"git failed on {source}: {failed.line}")
