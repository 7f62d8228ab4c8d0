"""The model of a batch: one for all instances, or a script for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.config import Config
from agent.model import scripted
from agent.model.choice import open_model, without_opening
from agent.model.protocol import Model


class Models:
    """Gives each instance its model; `opened` is the one for all, None where each has a script."""

    def __init__(self, opened: Model | None, scripts: Path) -> None:
        self.opened, self._scripts = opened, scripts
        # The first instance pays for the probe of the model.
        self._unknown = iter([opened] if opened else [])

    def of(self, instance: str) -> Model:
        """Return an instance's model; raises UserError where it has no script."""
        if self.opened is None:
            return scripted.load(self._scripts / f"{instance}.json")
        return next(self._unknown, None) or without_opening(self.opened)


@contextmanager
def open_models(config: Config, say: Callable[[str], None]) -> Iterator[Models]:
    """Open the model of the configuration, or a folder of scripts (`scripted:FOLDER`).

    Raises UserError, WorldError.
    """
    kind, _, rest = config.model.partition(":")
    folder = Path(rest).expanduser()
    if kind == "scripted" and folder.is_dir():
        yield Models(None, folder)
        return
    with open_model(config, say) as model:
        yield Models(model, folder)
