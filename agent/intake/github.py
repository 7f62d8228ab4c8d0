"""An issue on GitHub, and the commit it is solved at; the only module that uses GitHub's API."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import NoReturn
from urllib.parse import urlsplit

import requests
from github import Auth, BadAttributeException, Github, GithubException, RateLimitExceededException
from github.Issue import Issue
from github.Repository import Repository

from agent.config import Config
from agent.errors import NetworkError, UserError
from agent.intake import repository_address
from agent.intake.issue import IssueName, Options, TaskFile
from agent.intake.package_release import reason
from agent.records import Comment

PUBLIC_API = "https://api.github.com"
API = re.compile(
    r"(?P<scheme>https?)://(?:api\.)?(?P<host>[A-Za-z0-9.-]+(?::\d{1,5})?)(?:/[\w/.-]*)?"
)
TOKEN = "GITHUB_TOKEN"
SECONDS = 30
PAGE = 100
MOST_COMMITS = 50
"""Commits that are looked at to find one that was there in time; each costs a request."""
ODD = (  # what PyGithub raises when a server does not answer as GitHub does
    AssertionError, AttributeError, BadAttributeException, RuntimeError, TypeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class Server:
    """One GitHub: its API, its web address, and the token, which no other server is sent."""

    api: str
    web: str
    token: str | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """The web address's host, and port where there is one."""
        return urlsplit(self.web).netloc

    @property
    def advice(self) -> str:
        """How the user can get more rights."""
        if self.token:
            return f"{TOKEN} must be allowed to read it"
        if self.api == PUBLIC_API:
            return f"set {TOKEN}"
        return f"set {TOKEN}, and github_api to {self.api} in your configuration file"


def read(name: IssueName, config: Config, options: Options) -> TaskFile:
    """Return an issue as a task; a closed one at the last commit before it was opened.

    Raises UserError for what is no issue or may not be read, NetworkError for the way to it.
    """
    server = server_of(name.host, config)
    with _translated(server, name), closing(_client(server, config.ca_bundle)) as client:
        found = client.get_repo(f"{name.owner}/{name.repository}").get_issue(name.number)
        if not found.title or not found.created_at:
            raise ValueError("an issue without a title or a date")
        if found.pull_request is not None:
            raise UserError(f"{name.shown} is a pull request", "name an issue: only those are read")
        return _task(found, f"{server.web}/{name.path}", name, options)


def server_of(host: str | None, config: Config) -> Server:
    """Return the GitHub at a host; None means the configured one, which alone gets the token."""
    known = API.fullmatch(config.github_api)
    if known is None:
        raise UserError("github_api is no address", f"write it as {PUBLIC_API}")
    own = known["host"].lower()
    if host in (None, own):
        token = config.keys.get(TOKEN)
        if token and not (token.isascii() and token.isprintable() and " " not in token):
            raise UserError(f"{TOKEN} is no token", "copy it again, or unset it")
        return Server(config.github_api, f"{known['scheme']}://{own}", token)
    api = PUBLIC_API if host == "github.com" else f"https://{host}/api/v3"
    return Server(api, f"https://{host}")


def _client(server: Server, ca_bundle: str | None) -> Github:
    """Return a client that neither retries nor waits: a user who is told can do better."""
    return Github(
        auth=Auth.Token(server.token) if server.token else None,
        base_url=server.api,
        timeout=SECONDS,
        per_page=PAGE,
        user_agent="repair-agent",
        verify=ca_bundle or True,
        retry=None,
        seconds_between_requests=None,
        lazy=True,  # a repository is asked for only when something about it is
    )


def _task(found: Issue, source: str, name: IssueName, options: Options) -> TaskFile:
    early = options.at_issue_time or found.state == "closed"
    repository, ref = options.repo, options.ref
    address = repository_address.parse(repository) if repository is not None else None
    opened = None
    if early and ref is None and not isinstance(address, repository_address.Release):
        ref, branch = _commit_before(found)
        opened = found.created_at
        commit = (
            f"{ref[:12]}, the last commit on {branch} before it was opened on {opened:%Y-%m-%d}"
        )
        note = f"the issue is {found.state}: it is solved at {commit}"
    else:
        code = "at the head of the default branch"
        if ref is not None:
            code = f"at {ref}"
        elif address is not None:
            code = f"in {repository_address.display_name(address)} as it is"
        until = " with the comments of its time" if early else ""
        note = f"the issue is {found.state}: it is solved {code}{until}"
    return TaskFile(
        id=name.id,
        source=source,
        title=found.title.strip(),
        body=found.body or "",
        repository=repository or _clone_url(found.repository),
        ref=ref,
        created_at=opened,
        comments=_comments(found),
        as_of_commit=early,
        notes=(note,),
    )


def _comments(found: Issue) -> tuple[Comment, ...]:
    return (
        ()
        if not found.comments
        else tuple(
            Comment(
                author=comment.user.login if comment.user else "ghost",  # as GitHub shows it
                created_at=comment.created_at,
                body=comment.body or "",
                edited_at=comment.updated_at,
            )
            for comment in found.get_comments()
        )
    )


def _clone_url(repository: Repository) -> str:
    url = repository.clone_url
    if urlsplit(url).scheme not in ("http", "https"):  # a path would be one on this machine
        raise ValueError("a repository without a web address")
    return url


def _commit_before(found: Issue) -> tuple[str, str]:
    """Return the last commit that the default branch had when an issue was opened, and its name.

    A commit's date is not when it arrived: a fix may be older than its issue, and come with a pull
    request later. So a commit counts only if no pull request brought it after the opening.
    """
    repository, opened = found.repository, found.created_at
    branch = repository.default_branch
    commits = repository.get_commits(sha=branch, until=opened)
    for commit in islice(commits, MOST_COMMITS):
        arrivals = (pull.merged_at for pull in commit.get_pulls())
        if not any(arrival and arrival > opened for arrival in arrivals):
            return commit.sha, branch
    raise UserError(
        f"no commit on {branch} is sure to be older than the issue", "name one with --ref"
    )


@contextmanager
def _translated(server: Server, name: IssueName) -> Iterator[None]:
    """Turn what PyGithub raises into an error of the user or of the network."""
    try:
        yield
    except GithubException as error:
        _raise(error, server, name)
    except requests.RequestException as error:
        raise NetworkError(
            f"cannot reach {server.host}: {reason(error)}",
            "check the network, or save the issue as a .md file and name the code with --repo",
        ) from error
    except ODD as error:
        raise NetworkError(
            f"{server.host} does not answer as GitHub does", "check the address"
        ) from error


def _raise(error: GithubException, server: Server, name: IssueName) -> NoReturn:
    headers = error.headers or {}
    message = error.data.get("message") if isinstance(error.data, dict) else None
    reply = " ".join(str(message or "no reason given").split())[:200]
    if _is_limit(error, headers):
        raise NetworkError(
            f"{server.host} answers no more requests {_until(headers)}: its rate limit is reached",
            "wait" if server.token else f"wait, or {server.advice}, which raises it",
        ) from error
    if error.status == 401:
        hint = "renew it, or unset it" if server.token else server.advice
        fault = f"does not accept {TOKEN}" if server.token else "asks for a token"
        raise UserError(f"{server.host} {fault}", hint) from error
    if error.status == 404:
        hint = f"check the name; if it is private, {server.advice}"
        raise UserError(f"there is no {name.shown} on {server.host}", hint) from error
    if error.status == 410:
        raise UserError(f"{name.shown} is gone: {reply}", "choose another issue") from error
    if error.status < 500:
        raise UserError(f"{server.host} refuses {name.shown}: {reply}", server.advice) from error
    raise NetworkError(
        f"{server.host} fails with status {error.status}: {reply}", "run it again later"
    ) from error


def _is_limit(error: GithubException, headers: dict[str, str]) -> bool:
    if error.status not in (403, 429):
        return False
    named = isinstance(error, RateLimitExceededException) or error.status == 429
    return named or "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"


def _until(headers: dict[str, str]) -> str:
    wait, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if wait.isdecimal():
        return f"for {wait} seconds"
    if reset.isdecimal() and len(reset) < 12:
        return f"until {datetime.fromtimestamp(int(reset), UTC):%Y-%m-%d %H:%M} UTC"
    return "for now"
