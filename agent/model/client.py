"""The only door to the openai package: one endpoint, its errors as ours, retries of what passes.

A reply that was lost on the way (cut, damaged, timed out) was most likely produced and billed, and
one without content certainly was: both are counted, so that their cost can be.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import openai
import tenacity

from agent.model.protocol import ContextOverflow

TRIES, LOST_TRIES = 8, 3
"""Requests in all; and how many of them may bring a reply that cannot be used."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
"""Seconds between tries, doubled each time: 8 tries bridge two minutes without a server."""
CONNECT_SECONDS = 10.0
OVERFLOW = re.compile(
    r"context_length_exceeded|exceed_context_size|context (?:length|window|size)"
    r"|maximum (?:context|prompt|input)|prompt is too long|too many (?:input )?tokens",
    re.IGNORECASE,
)
_NUMBERS = re.compile(r"\d[\d,]{2,}")
NO_REQUEST_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol")
Body = dict[str, Any]


class Refused(Exception):
    """The server does not take this request: `status`, what it says, and the parameter it names."""

    def __init__(self, status: int, text: str, code: str = "", parameter: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = code
        self.parameter = parameter


class Passing(Exception):
    """A failure that may pass: the same request is worth sending again after `wait` seconds.

    `lost` means that a reply was on its way.
    """

    def __init__(self, text: str, *, wait: float | None = None, lost: bool = False) -> None:
        super().__init__(text)
        self.wait = wait
        self.lost = lost


@dataclass
class Waste:
    """What was billed in vain: `lost` replies of unknown cost, and unusable ones that tell it."""

    lost: int = 0
    unusable: list[Body] = field(default_factory=list)


class Unanswered(Exception):
    """No usable answer came; `too_late` when only the time ran out."""

    def __init__(self, text: str, waste: Waste, *, too_late: bool) -> None:
        super().__init__(text)
        self.waste = waste
        self.too_late = too_late


@dataclass(frozen=True)
class Answer:
    """The JSON object that a request brought, and what was wasted before it came."""

    body: Body
    waste: Waste


@dataclass(frozen=True)
class Patience:
    """How long it is worth trying: `tries` in all, `seconds` for one request and for all waits."""

    tries: int = TRIES
    request_seconds: float = 600.0
    seconds: float | None = None


@dataclass
class Connection:
    """One OpenAI-compatible endpoint.

    `say` hears why a request is sent again; `died` tells why nothing will ever answer again, ""
    while something may.
    """

    base_url: str
    key: str
    say: Callable[[str], None] = lambda text: None
    first_wait: float = FIRST_WAIT
    died: Callable[[], str] = str
    _client: openai.OpenAI = field(init=False)

    def __post_init__(self) -> None:
        self._client = openai.OpenAI(
            base_url=self.base_url, api_key=self.key or "none", max_retries=0
        )

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def get(self, path: str) -> Body | None:
        """Return the object that a GET brings, None when the server has nothing of that kind.

        Raises Refused for a key that is not taken, Unanswered for a server that is away.
        """
        try:
            text = self._client.get(path, cast_to=str, options={"timeout": CONNECT_SECONDS})
            answer = json.loads(text)
        except openai.APIStatusError as error:
            if error.status_code in (401, 403):
                raise Refused(error.status_code, error.message) from error
            return None
        except openai.APIConnectionError as error:
            raise Unanswered(str(error.__cause__ or error), Waste(), too_late=False) from error
        except json.JSONDecodeError:
            return None
        return answer if isinstance(answer, dict) else None

    @property
    def root(self) -> str:
        """The endpoint without its version, where servers keep what is not in the API."""
        return self.base_url.rstrip("/").removesuffix("/v1")

    def post(
        self,
        path: str,
        body: Body,
        usable: Callable[[Body], bool] = bool,
        patience: Patience | None = None,
    ) -> Answer:
        """Send a request until an answer comes that is `usable`.

        Raises Refused, ContextOverflow, and Unanswered when trying is no longer worth while.
        """
        patience = patience or Patience()
        started, waste = time.monotonic(), Waste()

        def once() -> Body:
            try:
                answer = self._once(path, body, patience)
            except Passing as failure:
                waste.lost += failure.lost
                if death := self.died():
                    raise Unanswered(death, waste, too_late=False) from failure
                raise
            if not usable(answer):
                waste.unusable.append(answer)
                raise Passing("the reply is empty", lost=True)
            return answer

        try:
            return Answer(self._retrying(patience)(once), waste)
        except Passing as failure:
            left = patience.seconds
            used = time.monotonic() - started + (failure.wait or 0.0)
            raise Unanswered(
                str(failure), waste, too_late=left is not None and used >= left
            ) from failure

    def _retrying(self, patience: Patience) -> tenacity.Retrying:
        def stop(state: tenacity.RetryCallState) -> bool:
            failure = state.outcome.exception() if state.outcome else None
            used = (state.seconds_since_start or 0.0) + _wait(failure, state, self.first_wait)
            too_late = patience.seconds is not None and used >= patience.seconds
            lost = isinstance(failure, Passing) and failure.lost
            most = min(patience.tries, LOST_TRIES) if lost else patience.tries
            return too_late or state.attempt_number >= most

        def tell(state: tenacity.RetryCallState) -> None:
            failure = state.outcome.exception() if state.outcome else None
            self.say(f"{failure}; trying again in {state.upcoming_sleep:.0f} s")

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Passing),
            stop=stop,
            wait=lambda state: _wait(
                state.outcome.exception() if state.outcome else None, state, self.first_wait
            ),
            before_sleep=tell,
            reraise=True,
        )

    def _once(self, path: str, body: Body, patience: Patience) -> Body:
        seconds = min(patience.request_seconds, patience.seconds or patience.request_seconds)
        timeout = openai.Timeout(max(1.0, seconds), connect=CONNECT_SECONDS)
        try:
            response = self._client.post(
                path, body=body, cast_to=str, options={"timeout": timeout, "headers": JSON}
            )
        except openai.APITimeoutError as error:
            sent = type(error.__cause__).__name__ not in NO_REQUEST_SENT
            raise Passing(f"no reply within {seconds:.0f} s", lost=sent) from error
        except openai.APIConnectionError as error:
            raise _cut(error) from error
        except openai.APIStatusError as error:
            raise _status(error) from error
        return _object(response)


JSON = {"Accept": "application/json"}


def _wait(failure: BaseException | None, state: tenacity.RetryCallState, first: float) -> float:
    if isinstance(failure, Passing) and failure.wait is not None:
        return failure.wait
    return min(LONGEST_WAIT, first * 2.0 ** (state.attempt_number - 1))


def _cut(error: openai.APIConnectionError) -> Passing:
    """Tell a connection that was never made from one that broke while a reply came."""
    cause = error.__cause__
    text = str(cause or error).strip() or type(cause).__name__
    began = type(cause).__name__ not in NO_REQUEST_SENT and "without sending a resp" not in text
    return Passing(text, lost=began)


def _status(error: openai.APIStatusError) -> Exception:
    """Return what a status of 4xx or 5xx means."""
    detail = error.body if isinstance(error.body, dict) else {}
    text = str(detail.get("message") or error.message).strip().replace("\n", " ")[:500]
    kind = f"{detail.get('code') or ''} {detail.get('type') or ''}"
    return _meaning(error.status_code, text, kind, detail, error.response.headers)


def _meaning(
    status: int, text: str, kind: str, detail: Mapping[str, Any], headers: Mapping[str, str]
) -> Exception:
    if status == 429 and "insufficient_quota" not in kind:
        return Passing(f"the rate limit is reached ({text})", wait=retry_after(headers))
    if status in (408, 409, 425) or status >= 500:
        return Passing(f"the server failed with {status} ({text})", wait=retry_after(headers))
    if status in (400, 413, 422) and OVERFLOW.search(f"{kind} {text}"):
        return overflow(text, detail)
    return Refused(status, text, kind.strip(), str(detail.get("param") or ""))


def overflow(text: str, detail: Mapping[str, Any]) -> ContextOverflow:
    """Read how large a request was and how large it may be, where the server says so."""
    tokens, limit = detail.get("n_prompt_tokens"), detail.get("n_ctx")
    numbers = sorted(int(found.replace(",", "")) for found in _NUMBERS.findall(text))
    if tokens is None and limit is None and numbers:
        limit, tokens = numbers[0], numbers[-1] if len(numbers) > 1 else None
    return ContextOverflow(tokens, limit)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return how many seconds a server asks to wait, None when it does not say."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers.get(name, "")) * unit)
        except ValueError:
            continue
    return None


def _object(text: str) -> Body:
    """Return the JSON object of a reply; some servers put an error into one with status 200."""
    try:
        answer = json.loads(text)
    except json.JSONDecodeError as error:
        raise Passing("the reply is no JSON", lost=True) from error
    if not isinstance(answer, dict):
        raise Passing("the reply is no JSON object", lost=True)
    failure = answer.get("error")
    if isinstance(failure, dict):
        code = failure.get("code")
        status = code if isinstance(code, int) else 500
        raise _meaning(status, str(failure.get("message")), str(failure.get("type")), failure, {})
    return answer
