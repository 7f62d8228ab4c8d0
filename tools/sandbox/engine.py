"""The only door to the Docker engine; its errors become EngineError here."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.types import HostConfig, LogConfig, Mount, Ulimit

from tools.base import EngineError, NetworkError
from tools.process_owner import owner
from tools.sandbox import disk_usage
from tools.sandbox.container import LABEL, OWNER_LABEL, ContainerInfo, ImageInfo, Limits
from tools.sandbox.wire import Attached, Execution

OURS = {"label": LABEL}
REMOVE_SECONDS = 60.0
USUAL_SOCKET = "unix:///var/run/docker.sock"
NOT_RUNNING = (
    "start it (`sudo systemctl start docker`, or `dockerd` as root), or point DOCKER_HOST at one; "
    "`repair-agent doctor` checks it"
)


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn the SDK's errors into EngineError that says what was being done."""
    try:
        yield
    except APIError as error:
        reason = f"the Docker engine refused to {action}: {error.explanation}"
        raise EngineError(reason, answer=str(error.explanation)) from error
    except (DockerException, requests.exceptions.RequestException) as error:
        answer = plain(error)
        raise EngineError(f"cannot {action}: {answer}", NOT_RUNNING, answer=answer) from error


def plain(error: Exception) -> str:
    """Return the innermost reason of an SDK error as one line."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    if isinstance(cause, FileNotFoundError):
        return "no Docker engine answers"
    if isinstance(cause, PermissionError):
        return "this user may not talk to the Docker engine (is it in the docker group?)"
    return str(cause).splitlines()[0] if str(cause) else type(cause).__name__


class Engine:
    """One connection to the Docker engine, safe to share between threads."""

    def __init__(self, host: str | None = None) -> None:
        """Connect to `host` (a DOCKER_HOST, such as unix:///run/docker.sock), or the usual one."""
        socket_file = (host or USUAL_SOCKET).removeprefix("unix://")
        if socket_file.startswith("/") and not Path(socket_file).exists():
            # Asked here: the SDK says the same less clearly, and leaves a socket open.
            raise EngineError(f"no Docker engine answers at {socket_file}", NOT_RUNNING)
        with translated("reach the Docker engine"):
            self._api: Any = docker.APIClient(base_url=host, version="auto", timeout=120)

    def version(self) -> str:
        """Return the engine's version."""
        with translated("ask the engine for its version"):
            return str(self._api.version()["Version"])

    def free_bytes(self) -> int | None:
        """Return the free bytes where the engine keeps its data, None when that is elsewhere."""
        with translated("ask the engine where it keeps its data"):
            folder = Path(self._api.info()["DockerRootDir"])
        with suppress(OSError):
            return shutil.disk_usage(folder).free
        return None

    def data_bytes(self) -> int:
        """Return the bytes of all layers, volumes and containers' own files."""
        return disk_usage.everything(self._disk_usage)

    def image_bytes(self) -> int:
        """Return the bytes of the images that carry our label, shared layers counted once."""
        return disk_usage.images(self._disk_usage, LABEL)

    def _disk_usage(self) -> Any:
        with translated("ask the engine how its disk is used"):
            return self._api.df()

    def registry_answers(self, reference: str) -> bool:
        """Tell whether a registry describes this image to the engine; nothing is pulled."""
        with suppress(EngineError), translated(f"ask a registry for {reference}"):
            self._api.inspect_distribution(reference)
            return True
        return False

    def image(self, reference: str) -> ImageInfo | None:
        """Return what the engine has under this name, or None."""
        with translated(f"look for the image {reference}"), suppress(ImageNotFound):
            return ImageInfo.of(self._api.inspect_image(reference))
        return None

    def images(self) -> list[ImageInfo]:
        """Return every image that carries our label."""
        with translated("list images"):
            found = self._api.images(filters=OURS)
            return [ImageInfo.of(self._api.inspect_image(image["Id"])) for image in found]

    def pull(self, reference: str) -> ImageInfo:
        """Pull an image; raises NetworkError when no registry gives it."""
        try:
            with translated(f"pull {reference}"):
                for line in self._api.pull(reference, stream=True, decode=True):
                    if answer := line.get("error"):
                        raise NetworkError(f"cannot pull {reference}: {answer}", answer=answer)
        except EngineError as error:
            hint = "build the image, or load it into the engine"
            raise NetworkError(error.message, hint, answer=error.answer) from error
        return self._present(reference)

    def import_rootfs(self, archive: Path, reference: str, labels: Mapping[str, str]) -> ImageInfo:
        """Make an image of a root file system's tar archive."""
        changes = [f"LABEL {key}={json.dumps(value)}" for key, value in labels.items()]
        repository, _, tag = reference.rpartition(":")
        with translated(f"import {reference}"):
            answer = self._api.import_image(str(archive), repository, tag, changes=changes)
        for line in map(json.loads, answer.splitlines()):
            if "error" in line:
                raise EngineError(f"cannot import {reference}: {line['error']}")
        return self._present(reference)

    def _present(self, reference: str) -> ImageInfo:
        """Return an image that the engine must have by now; raises EngineError."""
        found = self.image(reference)
        if found is None:
            raise EngineError(f"{reference} was made, but is not there")
        return found

    def remove_image(self, reference: str) -> None:
        """Remove a tag, and its layers when nothing else needs them."""
        with translated(f"remove the image {reference}"):
            self._api.remove_image(reference)

    def commit(self, name: str, reference: str, config: Mapping[str, Any]) -> ImageInfo:
        """Make an image of a container as it stands; `config` is in the engine's own words."""
        repository, _, tag = reference.rpartition(":")
        with translated(f"commit {reference}"):
            self._api.commit(name, repository, tag, conf=dict(config))
        return self._present(reference)

    def containers(self) -> list[ContainerInfo]:
        """Return every container that carries our label, running or not."""
        with translated("list containers"):
            found = self._api.containers(all=True, filters=OURS)
        named = [(item["Names"][0].lstrip("/"), item["Labels"]) for item in found]
        return [ContainerInfo(name, labels.get(OWNER_LABEL, "")) for name, labels in named]

    def create(
        self,
        image: str,
        name: str,
        command: Sequence[str],
        *,
        limits: Limits,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Create a clean-room container: no network, no capabilities, no mounts, nothing logged."""
        host = HostConfig(
            version=self._api._version,
            network_mode="none",
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            mem_limit=limits.memory,
            memswap_limit=limits.memory,
            pids_limit=limits.processes,
            nano_cpus=int(min(limits.cpus, os.cpu_count() or 1) * 1e9),
            ulimits=[Ulimit(name="core", soft=0, hard=0)],
            log_config=LogConfig(type="none"),
            auto_remove=True,
        )
        with translated(f"create a container from {image}"):
            try:
                self._api.create_container(
                    image,
                    entrypoint=list(command),
                    command=[],
                    name=name,
                    stdin_open=True,
                    host_config=host,
                    environment=dict(environment or {}),
                    labels={LABEL: "sandbox", OWNER_LABEL: owner()},
                    use_config_proxy=False,
                    healthcheck={"test": ["NONE"]},
                )
            except ImageNotFound as error:
                message = f"the engine has no image {image}"
                raise EngineError(message, "build or pull it first") from error

    def create_build(self, image: str, name: str, volumes: Mapping[str, str]) -> None:
        """Create a container of root with a network that does nothing by itself; see Builder."""
        host = HostConfig(
            version=self._api._version,
            mounts=[Mount(target, source) for source, target in volumes.items()],
            log_config=LogConfig(type="none"),
            network_mode="bridge",
        )
        with translated(f"create a build container from {image}"):
            self._api.create_container(
                image,
                entrypoint=["/bin/sh", "-c", "exec sleep 86400"],
                command=[],
                name=name,
                host_config=host,
                user="0",
                labels={LABEL: "build", OWNER_LABEL: owner()},
                use_config_proxy=False,
            )

    def attach(self, name: str) -> Attached:
        """Connect to a created container's main process, before it is started."""
        options = dict.fromkeys(("stdin", "stdout", "stderr", "stream"), 1)
        with translated("attach to a container"):
            stream = self._api.attach_socket(name, params=options)
        return Attached(stream, lambda: self.state(name))

    def start(self, name: str) -> None:
        """Start a created container."""
        with translated("start a container"):
            self._api.start(name)

    def state(self, name: str) -> str:
        """Say in a few words how a container is: running, or how it ended."""
        try:
            with translated("look at a container"):
                state = self._api.inspect_container(name)["State"]
        except EngineError:
            return "its container is gone"
        # The engine remembers every kill for want of memory, also of a command that ended long ago.
        short = ", after memory had run out in it" if state.get("OOMKilled") else ""
        return f"its container is {state['Status']} with exit code {state['ExitCode']}{short}"

    def remove(self, name: str) -> None:
        """Kill and remove a container; one that is gone already is no error."""
        with translated(f"remove the container {name}"), suppress(NotFound):
            try:
                self._api.remove_container(name, force=True, v=True)
            except APIError as error:
                if error.status_code != 409:  # its removal is under way
                    raise
                self._api.wait(name, timeout=REMOVE_SECONDS, condition="removed")

    def execute(
        self, name: str, command: Sequence[str], *, workdir: str, environment: Mapping[str, str]
    ) -> Execution:
        """Start one more process in a running container."""
        with translated("start a command"):
            created = self._api.exec_create(
                name, list(command), workdir=workdir, environment=dict(environment)
            )
            stream = self._api.exec_start(created["Id"], socket=True)

        def exit_code() -> int | None:
            with translated("look at a command"):
                code: int | None = self._api.exec_inspect(created["Id"])["ExitCode"]
                return code

        return Execution(Attached(stream, lambda: self.state(name)), exit_code)

    def get(self, name: str, path: str) -> Iterator[bytes] | None:
        """Return a file or folder of a container as a tar stream, None when it is not there."""
        with translated(f"read {path}"), suppress(NotFound):
            stream: Iterator[bytes] = self._api.get_archive(name, path)[0]
            return stream
        return None

    def put(self, name: str, folder: str, archive: bytes) -> None:
        """Unpack a tar archive in a folder of a container."""
        with translated(f"write into {folder}"):
            self._api.put_archive(name, folder, archive)

    def volumes(self) -> list[str]:
        """Return the names of the volumes that carry our label."""
        with translated("list volumes"):
            found = self._api.volumes(filters=OURS)["Volumes"] or []
        return [volume["Name"] for volume in found]

    def create_volume(self, name: str) -> None:
        """Create a volume; one of that name already there is kept."""
        with translated(f"create the volume {name}"):
            self._api.create_volume(name, labels={LABEL: "cache"})

    def remove_volume(self, name: str) -> None:
        """Remove a volume that no container uses."""
        with translated(f"remove the volume {name}"):
            self._api.remove_volume(name)
