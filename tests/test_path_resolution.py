"""Which file a path or a dotted name means."""

from agent.localization.path_resolution import Places


def test_places_by_how_they_are_written() -> None:
    places = Places(
        ["lib/plot/axes.py", "lib/plot/figure.py", "lib/tools/axes.py", "lib/a/__init__.py"]
    )

    assert places.files("/usr/site-packages/plot/axes.py") == {"lib/plot/axes.py": 1.0}
    assert places.files("axes.py") == {"lib/plot/axes.py": 0.5, "lib/tools/axes.py": 0.5}
    assert places.files("other/axes.py") == {}
    assert places.files("") == places.files("/") == places.files("none.py") == {}
    assert places.modules("plot.axes.Axes.draw") == {"lib/plot/axes.py": 1.0}
    assert places.modules("lib.a.name") == {"lib/a/__init__.py": 1.0}
    assert places.modules("axes.Axes") == {}
    assert Places(["calc.py"]).files("/opt/app/calc.py") == {"calc.py": 1.0}
