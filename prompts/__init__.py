"""prompts speak: every text a model reads is a file here, rendered strictly."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, meta

# Nothing is escaped: these are texts for models, not pages.
_ENVIRONMENT = Environment(
    loader=PackageLoader("prompts", ""),
    undefined=StrictUndefined,
    autoescape=False,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=False,
)


def render(name: str, **values: object) -> str:
    """Return the prompt `name` with `values` in it; raises ValueError unless the names match."""
    wanted = _names(name)
    if wanted != set(values):
        missing, unknown = sorted(wanted - set(values)), sorted(set(values) - wanted)
        raise ValueError(f"prompt {name}: missing {missing}, unknown {unknown}")
    return _ENVIRONMENT.get_template(f"{name}.md.j2").render(values)


@cache
def _names(name: str) -> frozenset[str]:
    loader = _ENVIRONMENT.loader
    assert loader is not None
    source, _, _ = loader.get_source(_ENVIRONMENT, f"{name}.md.j2")
    return frozenset(meta.find_undeclared_variables(_ENVIRONMENT.parse(source)))
