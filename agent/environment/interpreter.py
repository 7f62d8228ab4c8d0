"""Pythons of this machine that can be put into an image: found, asked what they are, and packed."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uv

from tools.base import NetworkError

KEPT_BY = (".pyenv/versions", ".local/share/uv/python", ".asdf/installs/python")
"""Folders below a user's home in which tools keep interpreters, one folder for each."""
SYSTEM = (Path("/usr"), Path("/usr/local"))
WHERE = "/opt/python"
"""Where an interpreter stands in an image."""
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
    found = [one for program in _programs(version, home) if (one := ask(program)) is not None]
    fitting = [one for one in found if one.minor == version and one.prefix not in SYSTEM]
    return max(fitting, key=lambda one: tuple(map(int, one.version.split("."))), default=None)


def _programs(version: str, home: Path) -> Iterator[Path]:
    for place in KEPT_BY:
        yield from sorted((home / place).glob(f"*{version}*/bin/python{version}"))


def ask(program: Path) -> Interpreter | None:
    """Return what an interpreter says of itself, None for one that does not run."""
    try:
        asked = subprocess.run(
            [str(program), "-I", "-c", _ASK], capture_output=True, timeout=SECONDS, check=True
        )
        version, prefix, build = json.loads(asked.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    plain = all(part.isdigit() for part in version.split("."))  # no 3.15.0a2
    return Interpreter(version, Path(prefix).resolve(), build) if plain else None


def downloaded(version: str, folder: Path, variables: Mapping[str, str]) -> Interpreter | None:
    """Have uv put a Python into a folder; None when it has none of that version.

    Where uv looks is for its own variables to say (UV_PYTHON_INSTALL_MIRROR). Raises NetworkError.
    """
    command = ["env", *(f"{name}={value}" for name, value in variables.items())]
    command += [uv.find_uv_bin(), "python", "install", version, "--install-dir", str(folder)]
    try:
        ran = subprocess.run(
            [*command, "--no-bin", "--no-progress"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NetworkError(
            f"uv did not download Python {version} in {DOWNLOAD_SECONDS:.0f} seconds"
        ) from error
    if ran.returncode and "No download found" in ran.stderr:
        return None
    if ran.returncode:
        said = " ".join(ran.stderr.split()).removeprefix("error: ")
        raise NetworkError(f"uv cannot download Python {version}: {said[:200]}")
    programs = sorted(folder.glob(f"*/bin/python{version}"))
    return ask(programs[0]) if programs else None


def packed(one: Interpreter) -> bytes:
    """Return an archive of an interpreter for the folder `WHERE`, its files root's."""
    name, buffer = f"python{one.minor}", io.BytesIO()
    parts = [
        *one.prefix.glob(f"bin/{name}"),
        *one.prefix.glob(f"lib/lib{name}*"),
        *one.prefix.glob("lib/libpython3.so"),
        *one.prefix.glob(f"lib/{name}"),
        *one.prefix.glob(f"include/{name}*"),
    ]
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in parts:
            inside = f"{one.minor}/{path.relative_to(one.prefix)}"
            archive.add(path, inside, filter=_plain)
    return buffer.getvalue()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    if set(Path(member.name).parts) & set(LEFT_OUT):
        return None
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def settle(one: Interpreter) -> str:
    """Return the command that makes an unpacked interpreter the image's own, and tries it.

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
