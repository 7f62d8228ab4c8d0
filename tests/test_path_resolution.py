"""Which file a path or a dotted name means."""

from agent.localization.path_resolution import PathResolver


def test_files_by_how_they_are_written() -> None:
    resolver = PathResolver(
        ["lib/plot/axes.py", "lib/plot/figure.py", "lib/tools/axes.py", "lib/a/__init__.py"]
    )

    assert resolver.files("/usr/site-packages/plot/axes.py") == {"lib/plot/axes.py": 1.0}
    assert resolver.files("axes.py") == {"lib/plot/axes.py": 0.5, "lib/tools/axes.py": 0.5}
    assert resolver.files("other/axes.py") == {}
    assert resolver.files("") == resolver.files("/") == resolver.files("none.py") == {}
    assert resolver.modules("plot.axes.Axes.draw") == {"lib/plot/axes.py": 1.0}
    assert resolver.modules("lib.a.name") == {"lib/a/__init__.py": 1.0}
    assert resolver.modules("axes.Axes") == {}
    assert PathResolver(["calc.py"]).files("/opt/app/calc.py") == {"calc.py": 1.0}
