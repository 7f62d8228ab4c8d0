"""The only door to the openai package: one endpoint, its errors as ours, retries of what passes.

A reply that was lost on the way (cut, damaged, timed out) was most likely produced and billed, and
one without content certainly was: both are counted, so that their cost can be.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import openai
import tenacity

from agent.model.adapter import Body
from agent.model.failures import Passing, Refused, Unanswered, Waste, error_message, meaning
from agent.model.protocol import ContextOverflow
from agent.trajectory.redaction import without_secrets

TRIES, LOST_TRIES = 9, 3
"""Requests in all; and how many of them may bring a reply that cannot be used."""
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0
"""Seconds between tries, doubled each time: 9 tries bridge two minutes without a server."""
LONGEST_ASKED = 600.0
"""Seconds that a server may ask us to wait when nobody has set a limit."""
SHORTEST_KEY = 8
"""Characters; what local servers are given in place of a key may be part of any word."""
GRACE = 2.0
"""Seconds after its time is up that a request is broken off, however it drips."""
CONNECT_SECONDS = 10.0
NO_REQUEST_SENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol")


@dataclass(frozen=True)
class Answer:
    """The JSON object that a request brought, and what was wasted before it came."""

    body: Body
    waste: Waste


@dataclass(frozen=True)
class Patience:
    """How long it is worth trying.

    `tries` in all, of which `lost` may bring a billed reply that cannot be used; seconds for one
    request, and for all of them with the waits between.
    """

    tries: int = TRIES
    lost: int = LOST_TRIES
    request_seconds: float = 600.0
    seconds: float | None = None


@dataclass
class Connection:
    """One OpenAI-compatible endpoint.

    `say` hears why a request is sent again; `died` tells why nothing will ever answer again, ""
    while something may.
    """

    base_url: str
    key: str = field(repr=False)
    say: Callable[[str], None] = lambda text: None
    first_wait: float = FIRST_WAIT
    died: Callable[[], str] = str
    _client: openai.OpenAI = field(init=False)

    def __post_init__(self) -> None:
        self._open()

    def _open(self) -> None:
        self._client = openai.OpenAI(
            base_url=self.base_url, api_key=self.key or "none", max_retries=0
        )

    @property
    def shown(self) -> str:
        """The endpoint as it may be shown: without credentials."""
        return without_secrets(self.base_url)

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
        except openai.APIConnectionError as error:
            raise Unanswered(str(error.__cause__ or error), Waste(), too_late=False) from error
        except openai.APIStatusError as error:
            if error.status_code == 401:
                raise self._status(error) from error
            return None
        except json.JSONDecodeError:
            return None
        return answer if isinstance(answer, dict) else None

    def look(self, path: str) -> Body | None:
        """Return the object that a GET brings, None for whatever else happens."""
        with suppress(Refused, Unanswered):
            return self.get(path)
        return None

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
            left = patience.request_seconds
            if patience.seconds is not None:
                left = min(left, patience.seconds - (time.monotonic() - started))
            try:
                answer = self._once(path, body, max(1.0, left))
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
            return Answer(self._retrying(patience, waste)(once), waste)
        except (Refused, ContextOverflow) as failure:
            failure.waste = waste
            raise
        except Passing as failure:
            raise Unanswered(str(failure), waste, too_late=failure.too_late) from failure

    def _retrying(self, patience: Patience, waste: Waste) -> tenacity.Retrying:
        def wait(state: tenacity.RetryCallState) -> float:
            asked = _failure(state).wait
            doubled = self.first_wait * 2.0 ** (state.attempt_number - 1)
            return min(LONGEST_WAIT, doubled) if asked is None else asked

        def stop(state: tenacity.RetryCallState) -> bool:
            failure, pause = _failure(state), wait(state)
            if patience.seconds is not None:
                used = (state.seconds_since_start or 0.0) + pause
                failure.too_late = used >= patience.seconds
            endless = patience.seconds is None and pause > LONGEST_ASKED
            enough = state.attempt_number >= patience.tries or waste.count >= patience.lost
            return failure.too_late or endless or enough

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Passing),
            stop=stop,
            wait=wait,
            before_sleep=lambda state: self.say(
                f"{_failure(state)}; trying again in {state.upcoming_sleep:.0f} s"
            ),
            reraise=True,
        )

    def _once(self, path: str, body: Body, seconds: float) -> Body:
        timeout = openai.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds))
        try:
            with self._deadline(seconds + GRACE):
                response = self._client.post(
                    path, body=body, cast_to=str, options={"timeout": timeout, "headers": JSON}
                )
        except openai.APITimeoutError as error:
            sent = type(error.__cause__).__name__ not in NO_REQUEST_SENT
            raise Passing(f"no reply within {seconds:.0f} s", lost=sent) from error
        except openai.APIConnectionError as error:
            raise _cut(error) from error
        except openai.APIStatusError as error:
            raise self._status(error) from error
        return _object(response)

    @contextmanager
    def _deadline(self, seconds: float) -> Iterator[None]:
        """Break a request off: its own timeout is for each read, and a server may drip."""
        late = threading.Event()

        def give_up() -> None:
            late.set()
            self._client.close()

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (openai.OpenAIError, RuntimeError) as error:
            if not late.is_set():
                raise
            raise Passing(f"no whole reply within {seconds:.0f} s", lost=True) from error
        finally:
            timer.cancel()
            if late.is_set():
                self._open()

    def _status(self, error: openai.APIStatusError) -> Exception:
        """Return what a status of 4xx or 5xx means, without the key, which some servers repeat."""
        text, detail = error_message(error.response.text)
        if len(self.key) >= SHORTEST_KEY:
            text = text.replace(self.key, "[key]")
        return meaning(error.status_code, text, detail, error.response.headers)


JSON = {"Accept": "application/json"}


def _failure(state: tenacity.RetryCallState) -> Passing:
    """Return why a request is looked at again: nothing else is retried."""
    failure = state.outcome.exception() if state.outcome else None
    assert isinstance(failure, Passing)
    return failure


def _cut(error: openai.APIConnectionError) -> Passing:
    """Tell a connection that was never made from one that broke while a reply came."""
    cause = error.__cause__
    text = str(cause or error).strip() or type(cause).__name__
    began = type(cause).__name__ not in NO_REQUEST_SENT and "without sending a resp" not in text
    return Passing(text, lost=began)


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
        status = failure["code"] if isinstance(failure.get("code"), int) else 500
        raise meaning(status, error_message(text)[0], failure, {})
    return answer
