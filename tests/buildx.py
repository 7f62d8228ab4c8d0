"""Docker's build plugin for tests: the one that is installed, else Debian's, unpacked beside."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import platformdirs

SUITE = "trixie"
"""The first Debian release that ships docker-buildx; its program is linked with nothing."""
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"


def folder() -> str:
    """Return the folder in which `docker-buildx` lies; raises RuntimeError where it is missing."""
    there = shutil.which("docker-buildx")
    if there:
        return str(Path(there).parent)
    kept = platformdirs.user_cache_path("repair-agent") / "docker-buildx"
    if not (kept / "docker-buildx").is_file():
        kept.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as name:
            found = _unpacked(Path(name))
            partial = kept / f"docker-buildx.{os.getpid()}"
            shutil.copy2(found, partial)
            partial.rename(kept / "docker-buildx")
    return str(kept)


def _unpacked(work: Path) -> Path:
    sites = _run("apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages").split()
    site = next((one for one in sites if "security" not in one), None)
    if site is None:
        raise RuntimeError("docker-buildx is missing; install it, for tests of --dockerfile")
    (work / "list").write_text(f"deb [signed-by={KEYS}] {site} {SUITE} main\n")
    (work / "lists" / "partial").mkdir(parents=True)
    options = [
        *("-o", f"Dir::Etc::SourceList={work}/list"),
        *("-o", "Dir::Etc::SourceParts=/dev/null"),
        *("-o", f"Dir::State::Lists={work}/lists"),
        *("-o", f"Dir::Cache={work}/cache"),
        *("-o", "APT::Sandbox::User=root"),
    ]
    _run("apt-get", *options, "update")
    _run("apt-get", *options, "download", "docker-buildx", folder=work)
    (package,) = work.glob("docker-buildx_*.deb")
    _run("dpkg-deb", "-x", str(package), str(work / "root"))
    return next(
        path
        for path in (work / "root").rglob("docker-buildx")
        if os.access(path, os.X_OK) and path.is_file()
    )


def _run(*words: str, folder: Path | None = None) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:2])} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
