"""Pythons of this machine that can be put into an image: found, asked what they are, and packed."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import uv

from agent.environment import host_program
from agent.environment.archives import owned_by_root
from tools.base import NetworkError

KEPT_BY = (".pyenv/versions", ".local/share/uv/python", ".asdf/installs/python")
"""Folders below a user's home in which tools keep interpreters, one folder for each."""
SYSTEM = (Path("/usr"), Path("/usr/local"))
WHERE = "/opt/python"
"""Where interpreters are put in an image."""
LEFT_OUT = ("test", "__pycache__", "site-packages", "idlelib", "turtledemo", "tkinter")
"""Folders of a library that no build needs."""
_ASK = """
import json, platform, sys
print(json.dumps([platform.python_version(), sys.base_prefix, sys.version]))
"""
SECONDS, DOWNLOAD_SECONDS = 20.0, 300.0


@dataclass(frozen=True)
class Interpreter:
    """`version` is exact (3.8.18), `prefix` the folder it lives in, `build` how it calls itself."""

    version: str
    prefix: Path
    build: str

    @property
    def minor(self) -> str:
        """The version without its patch level."""
        return ".".join(self.version.split(".")[:2])


def find(version: str, home: Path) -> Interpreter | None:
    """Return the newest interpreter of a version (3.8) that tools keep below a home folder.

    A distribution's own is never taken: its files lie among those of the system.
    """
    pattern = f"*{version}*/bin/python{version}"
    programs = [path for folder in KEPT_BY for path in sorted((home / folder).glob(pattern))]
    known = [one for one in map(examine, programs) if one is not None]
    fitting = [one for one in known if one.minor == version and one.prefix not in SYSTEM]
    return max(fitting, key=lambda one: tuple(map(int, one.version.split("."))), default=None)


def examine(program: Path) -> Interpreter | None:
    """Run an interpreter and return its description, None when it does not run."""
    try:
        command = [str(program), "-I", "-c", _ASK]
        done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
        version, prefix, build = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    plain = all(part.isdigit() for part in version.split("."))  # no 3.15.0a2
    return Interpreter(version, Path(prefix).resolve(), build) if plain else None


def download(version: str, folder: Path, variables: Mapping[str, str]) -> Interpreter | None:
    """Have uv put a Python into a folder; None when it has none of that version.

    Where uv looks is for its own variables to say (UV_PYTHON_INSTALL_MIRROR). Raises NetworkError.
    """
    command = [uv.find_uv_bin(), "python", "install", version, "--install-dir", str(folder)]
    command += ["--no-bin", "--no-progress"]
    started = monotonic()
    code, last = host_program.run(command, variables, seconds=DOWNLOAD_SECONDS)
    output = " ".join(" ".join(last).split())
    if code and "No download found" in output:
        return None
    if code and monotonic() - started >= DOWNLOAD_SECONDS:
        limit = f"{DOWNLOAD_SECONDS:.0f} seconds"
        raise NetworkError(f"uv did not download Python {version} in {limit}")
    if code:
        reason = output.removeprefix("error: ")[:200]
        raise NetworkError(f"uv cannot download Python {version}: {reason}")
    programs = sorted(folder.glob(f"*/bin/python{version}"))
    return examine(programs[0]) if programs else None


def pack(one: Interpreter) -> bytes:
    """Return an archive of an interpreter for the folder `WHERE`, its files root's."""
    name, buffer = f"python{one.minor}", io.BytesIO()
    patterns = (f"bin/{name}", f"lib/lib{name}*", "lib/libpython3.so", f"lib/{name}")
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for pattern in (*patterns, f"include/{name}*"):
            for path in one.prefix.glob(pattern):
                inside = f"{one.minor}/{path.relative_to(one.prefix)}"
                archive.add(path, inside, filter=_needed)
    return buffer.getvalue()


def _needed(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    unneeded = set(Path(member.name).parts) & set(LEFT_OUT)
    return None if unneeded else owned_by_root(member)


def settle(one: Interpreter) -> str:
    """Return the command that installs an unpacked interpreter in an image, and tries it.

    What it says of where it was built is corrected, so that extension modules can be compiled; it
    fails where libraries are missing that every program counts on.
    """
    folder = f"{WHERE}/{one.minor}"
    old, library = str(one.prefix), f"{folder}/lib/python{one.minor}"
    return f"""set -e
mkdir -p {library}/site-packages
grep -rlF '{old}' {library} --include='*.py' --include=Makefile --include='*.pc' \
| xargs -r sed -i 's#{old}#{folder}#g'
echo {folder}/lib > /etc/ld.so.conf.d/python{one.minor}.conf
ldconfig
ln -sf {folder}/bin/python{one.minor} /usr/local/bin/python{one.minor}
python{one.minor} -c 'import bz2, ctypes, hashlib, lzma, readline, sqlite3, ssl, uuid, zlib'
python{one.minor} -m compileall -q {library} > /dev/null || true"""
