"""The commands about the embedded model: listing it, fetching it, serving it to others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console

from agent.config import Config
from agent.errors import WorldError
from agent.model.embedded.download import pull, sources
from agent.model.embedded.model_file import EMBEDDED, find, model_path, shelf
from agent.model.embedded.server import EmbeddedServer
from agent.show.download_progress import transfer
from agent.trajectory.encoding import encode


@dataclass(frozen=True)
class Entry:
    """One kind of value for `--model`; size, licence and hash are of its file, if it has one."""

    model: str
    about: str
    use: str
    bytes: int | None = None
    licence: str | None = None
    sha256: str | None = None
    path: str | None = None


def entries(folder: Path) -> list[Entry]:
    """Return the kinds of values that `--model` takes; `folder` holds fetched models."""
    path = find(EMBEDDED, folder)
    solving = "repair-agent solve issue.md -m"
    return [
        Entry(
            "local",
            f"the embedded model: {EMBEDDED.name}",
            f"{solving} local" if path else "repair-agent model pull",
            EMBEDDED.size,
            EMBEDDED.licence,
            EMBEDDED.sha256,
            str(path) if path else None,
        ),
        Entry("local:PATH", "any other GGUF file", f"{solving} local:m.gguf"),
        Entry(
            "NAME",
            "a hosted model: OPENAI_API_KEY holds the key, --base-url names another server",
            f"{solving} NAME --base-url http://localhost:8000/v1",
        ),
        Entry(
            "scripted:PATH",
            "prepared replies, or a recorded task",
            f"{solving} scripted:replies.json",
        ),
    ]


def lines(known: list[Entry]) -> Iterator[str]:
    """Yield the entries as text."""
    for entry in known:
        yield f"{entry.model:<15}{entry.about}"
        if entry.bytes is not None:
            where = f"here: {entry.path}" if entry.path else "not on this machine"
            yield f"{'':<15}{entry.bytes / 1e9:.1f} GB, {entry.licence}, {where}"
        yield f"{'':<15}-> {entry.use}"


def show(out: TextIO, *, as_json: bool) -> int:
    """Print what there is, and return the exit code."""
    known = entries(shelf())
    if as_json:
        out.write(encode(known, indent=2).decode())
    else:
        out.writelines(f"{line}\n" for line in lines(known))
    return 0


def fetch(config: Config, console: Console, out: TextIO) -> int:
    """Fetch the model unless it is here, print its path, and return the exit code."""
    folder = shelf()
    servers = sources(EMBEDDED, index_url=config.index_url, ca_bundle=config.ca_bundle)
    with transfer(console, EMBEDDED.file) as view:
        path = pull(EMBEDDED, folder, servers, view)
    out.write(f"{path}\n")
    return 0


def serve(
    model: str, console: Console, out: TextIO, *, port: int, context: int, key: str | None
) -> int:
    """Serve a model until a signal comes; raises WorldError when the server dies before."""
    path = model_path(model, shelf())
    console.print(f"loading {path.name}", highlight=False, markup=False)
    with EmbeddedServer(path, context=context, port=port, key=key) as server:
        text = f"serving it as {path.stem}, {context:,} tokens of context; with the variables below"
        text += " any OpenAI client finds it; Ctrl-C stops it"
        console.print(text, highlight=False, markup=False)
        out.write(f"OPENAI_BASE_URL={server.url}\nOPENAI_API_KEY={server.key}\n")
        out.flush()
        server.wait()
        raise WorldError(f"the model server died: {server.last_words()}", "start it again")
