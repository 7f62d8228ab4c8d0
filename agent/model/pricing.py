"""What a request costs: the provider's own sum, else configured prices, else published ones."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from genai_prices import Usage as PricedUsage
from genai_prices import calc_price

from agent.messages import Usage
from agent.trajectory.formats.api_usage import Billed


@dataclass(frozen=True)
class Prices:
    """The prices of one model at one endpoint.

    `configured` holds US dollars per million tokens: `input`, `output` and, where it differs,
    `cached`. Published prices are those of the genai-prices package for this endpoint.
    """

    model: str
    base_url: str
    configured: Mapping[str, float] = field(default_factory=dict)

    def usage(self, billed: Billed) -> Usage:
        """Return what was used with its price, None where it is not known."""
        cost = billed.usd if billed.usd is not None else self.usd(billed)
        return Usage(billed.prompt, billed.completion, billed.cached, cost)

    def usd(self, billed: Billed) -> float | None:
        """Return the price of tokens in US dollars, None when it is not known."""
        if self.configured:
            fresh = billed.prompt - billed.cached
            rate = self.configured
            cached = rate.get("cached", rate["input"])
            total = fresh * rate["input"] + billed.cached * cached
            return (total + billed.completion * rate["output"]) / 1e6
        if is_private(self.base_url):
            return None
        used = PricedUsage(
            input_tokens=billed.prompt,
            cache_read_tokens=billed.cached,
            output_tokens=billed.completion,
        )
        return self._published(used)

    @property
    def known(self) -> bool:
        """True when the price of a request can be told."""
        return self.usd(Billed(1, 1)) is not None

    @property
    def window(self) -> int | None:
        """The model's context window in tokens as published, None when it is not."""
        try:
            found = calc_price(PricedUsage(), self.model, provider_api_url=self.base_url)
        except LookupError:
            return None
        return found.model.context_window

    def _published(self, used: PricedUsage) -> float | None:
        try:
            return float(calc_price(used, self.model, provider_api_url=self.base_url).total_price)
        except LookupError:
            pass
        try:  # an endpoint nobody published prices for, such as a company's gateway
            return float(calc_price(used, self.model).total_price)
        except LookupError:
            return None


def is_private(url: str) -> bool:
    """Tell whether an endpoint is on this machine or in a private network, where nothing bills."""
    host = urlsplit(url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal"))
    return address.is_private or address.is_loopback
