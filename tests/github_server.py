"""A stand-in for GitHub's REST API on loopback, which answers from a real git repository."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

PROJECT = "acme/calc"
FORMER = "acme/old-name"
PER_PAGE = 2
"""Fewer than a client asks for, as servers may: pages are followed, not counted."""

Reply = tuple[int, dict[str, str], Any]


@dataclass
class GitHub:
    """What the stand-in knows; `fault` is answered in place of everything else."""

    folder: Path
    clone_url: str = ""
    api: str = ""
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    arrivals: dict[str, str] = field(default_factory=dict)  # commit: its pull request's merge
    fault: Reply | None = None
    seen: list[tuple[str, str | None]] = field(default_factory=list)

    def issue(self, number: int, *, opened: str, state: str = "open", pull: bool = False) -> None:
        """Let there be an issue, or a pull request, which the API lists as an issue too."""
        own = f"{self.api}/repos/{PROJECT}"
        self.issues[number] = {
            "url": f"{own}/issues/{number}",
            "repository_url": own,
            "comments_url": f"{own}/issues/{number}/comments",
            "html_url": f"https://github.com/{PROJECT}/issues/{number}",
            "id": 1000 + number,
            "node_id": f"I_{number}",
            "number": number,
            "title": "mean of nothing",
            "user": user("reporter"),
            "labels": [],
            "state": state,
            "locked": False,
            "assignee": None,
            "assignees": [],
            "milestone": None,
            "comments": 0,
            "created_at": opened,
            "updated_at": opened,
            "closed_at": None,
            "author_association": "NONE",
            "body": "`mean([])` raises ZeroDivisionError, it should return 0.0.\r\n",
        }
        if pull:
            self.issues[number]["pull_request"] = {"url": f"{own}/pulls/{number}"}

    def comment(
        self, number: int, text: str, at: str, *, by: str | None = "helper", edited: str = ""
    ) -> None:
        """Let somebody comment on an issue; an account that is gone is None."""
        listed = self.comments.setdefault(number, [])
        one = 5000 + 10 * number + len(listed)
        listed.append(
            {
                "url": f"{self.api}/repos/{PROJECT}/issues/comments/{one}",
                "html_url": f"https://github.com/{PROJECT}/issues/{number}#issuecomment-{one}",
                "issue_url": f"{self.api}/repos/{PROJECT}/issues/{number}",
                "id": one,
                "node_id": f"IC_{one}",
                "user": user(by) if by else None,
                "created_at": at,
                "updated_at": edited or at,
                "author_association": "NONE",
                "body": text,
            }
        )
        self.issues[number]["comments"] = len(listed)

    def answer(self, path: str, query: dict[str, str]) -> Reply:
        """Return status, headers and body for a request."""
        own = f"/repos/{PROJECT}"
        if self.fault or not path.startswith(own):
            return self.fault or self.elsewhere(path)
        parts = path.removeprefix(own).strip("/").split("/")
        match parts:
            case [""]:
                return 200, {}, self.project()
            case ["issues", number] if int(number) in self.issues:
                return 200, {}, self.issues[int(number)]
            case ["issues", number, "comments"]:
                return self.paged(path, self.comments[int(number)], query)
            case ["commits", *rest]:
                listed = self.pulls(rest[0]) if rest else self.commits(query)
                return self.paged(path, listed, query)
        return missing()

    def elsewhere(self, path: str) -> Reply:
        """Send those on who use the project's former name; nothing else is there."""
        if not path.startswith(f"/repos/{FORMER}/"):
            return missing()
        where = f"{self.api}{path.replace(FORMER, PROJECT)}"
        return 301, {"Location": where}, {"message": "Moved Permanently", "url": where}

    def paged(self, path: str, items: list[Any], query: dict[str, str]) -> Reply:
        """Return one page, and in its Link header where the next one is."""
        number, size = int(query.get("page", "1")), min(PER_PAGE, int(query["per_page"]))
        more = "".join(f"&{k}={v}" for k, v in query.items() if k not in ("page", "per_page"))
        links = {}
        if number * size < len(items):
            following = f"{self.api}{path}?per_page={size}&page={number + 1}{more}"
            links["Link"] = f'<{following}>; rel="next", <{following}>; rel="last"'
        return 200, links, items[(number - 1) * size : number * size]

    def project(self) -> dict[str, Any]:
        """Return what the API says of the repository."""
        owner, name = PROJECT.split("/")
        return {
            "id": 1,
            "node_id": "R_1",
            "name": name,
            "full_name": PROJECT,
            "private": False,
            "owner": user(owner),
            "html_url": f"https://github.com/{PROJECT}",
            "fork": False,
            "url": f"{self.api}/repos/{PROJECT}",
            "clone_url": self.clone_url,
            "default_branch": "main",
        }

    def commits(self, query: dict[str, str]) -> list[dict[str, Any]]:
        """Return the commits of a branch, newest first, as git lists them."""
        words = ["git", "log", "--format=%H %cI", query["sha"]]
        words += [f"--until={query['until']}"] if "until" in query else []
        listed = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, check=True)
        own = f"{self.api}/repos/{PROJECT}"
        return [
            {
                "sha": sha,
                "node_id": f"C_{sha}",
                "url": f"{own}/commits/{sha}",
                "html_url": f"https://github.com/{PROJECT}/commit/{sha}",
                "commit": {"committer": {"name": "A", "email": "a@example.org", "date": date}},
                "author": user("author"),
                "committer": user("author"),
                "parents": [],
            }
            for sha, date in (line.split() for line in listed.stdout.splitlines())
        ]

    def pulls(self, sha: str) -> list[dict[str, Any]]:
        """Return the pull request that brought a commit, if one did."""
        own = f"{self.api}/repos/{PROJECT}/pulls/90"
        merged = self.arrivals.get(sha)
        one = {"url": own, "id": 9, "number": 90, "state": "closed", "merged_at": merged}
        return [one] if merged else []


def user(login: str) -> dict[str, Any]:
    """Return an account as the API shows it inside other things."""
    url = f"https://api.github.com/users/{login}"
    return {"login": login, "id": 7, "node_id": "U_7", "url": url, "type": "User"}


def missing() -> Reply:
    """Return what the API says of things that are not there, or are private."""
    where = "https://docs.github.com/rest"
    return 404, {}, {"message": "Not Found", "documentation_url": where, "status": "404"}


def git_at(folder: Path, date: str, *words: str) -> str:
    """Run git as if on a date and return what it prints."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    when = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    command = ["git", *who, *words]
    done = subprocess.run(
        command, cwd=folder, env=os.environ | when, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit_at(folder: Path, date: str, message: str, **files: str) -> str:
    """Commit files on a date and return the SHA."""
    for name, text in files.items():
        (folder / name).write_text(text)
    git_at(folder, date, "add", "-A")
    git_at(folder, date, "commit", "-q", "-m", message)
    return git_at(folder, date, "rev-parse", "HEAD")


@contextmanager
def answering(github: GitHub) -> Iterator[GitHub]:
    """Serve the API on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            github.seen.append((parts.path, self.headers.get("Authorization")))
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, headers, body = github.answer(parts.path, query)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            kind = "text/html" if isinstance(body, str) else "application/json; charset=utf-8"
            for name, value in {"Content-Type": kind, **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    github.api = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.02,))  # ends soon after it is told to
    thread.start()
    try:
        yield github
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
