"""The Hugging Face hub; the only file that imports huggingface_hub.

`hf_hub_download` throws away what came when it is stopped. Its own `http_get`, used here, goes on
from any byte, and asks again where a connection breaks.
"""

from __future__ import annotations

import functools
import logging
import os
import ssl
from pathlib import Path

import httpx2
from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url, set_client_factory
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import logging as hub_logging

from agent.errors import NetworkError
from agent.model.embedded.model_file import Weights
from agent.model.embedded.progress import Progress, Report

BLOCK = 1 << 16
"""Bytes that a broken connection or a kill can cost; the library's 10 MB are much on slow lines."""


class Hub:
    """The repository in which a model is published; `endpoint` is another server with that API."""

    name = "the Hugging Face hub"

    def __init__(
        self, weights: Weights, *, endpoint: str | None = None, ca_bundle: str | None = None
    ) -> None:
        self.origin = f"the repository {weights.repository}"
        self._weights = weights
        self._url = hf_hub_url(weights.repository, weights.file, endpoint=endpoint)
        hub_logging.set_verbosity(logging.CRITICAL)  # the user hears of a failure from us, once
        constants.DOWNLOAD_CHUNK_SIZE = BLOCK
        if ca_bundle:
            context = ssl.create_default_context(cafile=ca_bundle)
            set_client_factory(lambda: httpx2.Client(verify=context, follow_redirects=True))

    def fetch(self, partial: Path, report: Report) -> None:
        """Append to a file what it lacks; raises NetworkError."""
        size = self._weights.size
        # Unbuffered: what was written is in the file, whose size says where to go on.
        with partial.open("ab", buffering=0) as file:
            start = os.fstat(file.fileno()).st_size
            try:
                # One look without a second try: a hub that is away need not be waited for.
                if get_hf_file_metadata(self._url, token=False).size not in (size, None):
                    raise NetworkError(f"{self.name} has another file under this name")
                http_get(
                    self._url,
                    file,
                    resume_size=start,
                    expected_size=size,
                    tqdm_class=functools.partial(Progress, report, size),  # type: ignore[arg-type]
                )
            except httpx2.HTTPError as error:
                raise NetworkError(f"{self.name}: {reason(error)}") from error
            except OSError as error:
                if error.errno is not None:
                    raise
                # Not the disk: the library found the file too short, or is told to stay offline.
                raise NetworkError(f"{self.name}: {str(error).splitlines()[0]}") from error


def reason(error: httpx2.HTTPError) -> str:
    """Say in a few words why a request failed, without the address, which may hold a password."""
    if isinstance(error, httpx2.HTTPStatusError):
        return f"it answered {error.response.status_code} {error.response.reason_phrase}"
    if "CERTIFICATE" in str(error):
        return "its certificate is not trusted here"
    if isinstance(error, httpx2.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx2.RemoteProtocolError | httpx2.ReadError):
        return "the connection broke"
    return "no connection"
