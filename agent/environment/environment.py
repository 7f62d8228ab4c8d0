"""The environment of one task: its code, its image, and sandboxes made of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from agent.config import Config
from agent.environment import image_pruning
from agent.environment.build_network import BuildNetwork, Host
from agent.environment.image_source import Preferences, local, prepare
from agent.errors import UserError
from agent.intake import repository_address
from agent.intake.issue import TaskFile
from agent.intake.repository import Source, fetch
from agent.records import Comment, Image, Task
from tools.process_owner import temporary_folder
from tools.sandbox.container import Limits
from tools.sandbox.engine import Engine
from tools.sandbox.factory import Sandboxes, docker_sandboxes, local_sandboxes


@dataclass(frozen=True)
class Environment:
    """A task, its image, and fresh sandboxes of it."""

    task: Task
    image: Image
    sandboxes: Sandboxes

    @property
    def base(self) -> str:
        """The commit that changes are taken against."""
        return self.image.commit or self.task.base_commit


@contextmanager
def open_environment(
    issue: TaskFile, config: Config, say: Callable[[str], None]
) -> Iterator[Environment]:
    """Fetch the code and make its environment; the checkout is gone when the block ends.

    Raises UserError for a wrong repository, ref or image, WorldError for a world that is wrong.
    """
    if issue.repository is None:
        hint = "give one with --repo PATH|URL|pypi:NAME==VERSION"
        raise UserError(f"{issue.source} names no repository", hint)
    host = host_of(config, say) if config.sandbox == "docker" else None
    with temporary_folder() as folder:
        address = repository_address.parse(issue.repository)
        say(f"fetching {repository_address.display_name(address)}")
        source = fetch(
            issue.repository,
            issue.ref,
            folder / "source",
            index_url=config.index_url,
            mirrored=[repository_address.expanded(folder) for folder in config.mirrors],
        )
        task = as_task(issue, source)
        for note in (*source.notes, *task.notes):
            say(note)
        if host is None:
            image = local(source, task, say, path=config.path)
            yield Environment(task, image, local_sandboxes(source.folder, config.path))
            return
        image = prepare(task, source, host, preferences(issue, config))
        if image.made == "built":
            ours, limit = image.reference, config.image_gb * image_pruning.GIGABYTE
            image_pruning.prune(host.engine, limit, lambda one: ours in one.tags, say)
        limits = Limits(int(config.memory_gb * (1 << 30)), cpus=config.cpus)
        yield Environment(task, image, docker_sandboxes(host.engine, image.reference, limits))


def preferences(issue: TaskFile, config: Config) -> Preferences:
    """Return what the user, or a row of a dataset, says of a task's environment."""
    is_row = issue.dataset is not None
    row_image = issue.image if is_row else None
    return Preferences(config.image, config.dockerfile, issue.python, is_row, row_image)


def host_of(config: Config, say: Callable[[str], None]) -> Host:
    """Return what images are built with, as the configuration says; raises EngineError."""
    bundle = Path(config.ca_bundle) if config.ca_bundle else None
    network = BuildNetwork(config.proxies, bundle, config.index_url)
    engine = Engine(config.docker_host)
    return Host(engine, network, say, Path.home(), config.path, config.docker_host)


def as_task(issue: TaskFile, source: Source) -> Task:
    """Join what the user wrote with the code it is about.

    Of an issue that is solved as of its commit, what was said later is left out: it may hold the
    fix.
    """
    comments = issue.comments
    if issue.as_of_commit:
        comments = tuple(one for one in comments if _is_known_on(source.date, one))
    late = len(issue.comments) - len(comments)
    left_out = (f"comments left out, as they are later than the commit: {late}",) if late else ()
    return Task(
        id=issue.id,
        source=issue.source,
        repository=source.shown,
        base_commit=source.commit,
        title=issue.title,
        body=issue.body,
        comments=comments,
        created_at=issue.created_at or source.date,
        test_command=issue.test_command,
        notes=(*issue.notes, *left_out),
        dataset=issue.dataset,
    )


def _is_known_on(date: datetime, comment: Comment) -> bool:
    """Tell whether a comment was there on a date as it reads today."""
    times = (comment.created_at, comment.edited_at)
    return all(time is not None and time <= date for time in times)
