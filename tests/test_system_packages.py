"""Packages that C extensions need: read from what a failed build says, and installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.environment.build_network import BuildNetwork, Host
from agent.environment.image_source import Preferences, prepare
from agent.environment.system_packages import missing
from agent.intake.repository import fetch
from tests.test_environment import PROJECT, PYTHON, commit, task
from tools.sandbox.docker import DockerSandbox
from tools.sandbox.engine import Engine


@pytest.mark.parametrize(
    ("said", "packages"),
    [
        ("src/a.c:1:10: fatal error: ffi.h: No such file or directory", {"libffi-dev"}),
        ("x.c:2:10: fatal error: openssl/opensslv.h: No such file or directory", {"libssl-dev"}),
        ("x.c:2:10: fatal error: ours/own.h: No such file or directory", set()),
        ("/usr/bin/ld: cannot find -lz\ncollect2: error", {"zlib1g-dev"}),
        ("Error: pg_config executable not found.", {"libpq-dev"}),
        ("/bin/sh: 1: mysql_config: not found", {"default-libmysqlclient-dev"}),
        ("FileNotFoundError: [Errno 2] No such file or directory: 'cmake'", {"cmake"}),
        ("numpy.distutils.system_info.NotFoundError: no lapack/blas resources found",
         {"libopenblas-dev", "gfortran"}),
        ("Please make sure the libxml2 and libxslt development packages are installed.",
         {"libxml2-dev", "libxslt1-dev"}),
        ("No solution found when resolving dependencies: six==0.0.4711", set()),
    ],
)  # fmt: skip
def test_what_is_missing_is_read(said: str, packages: set[str]) -> None:
    assert missing(said) == packages


EXTENSION = {
    "setup.py": "import setuptools\n"
    "setuptools.setup(name='tiny', ext_modules=[setuptools.Extension('tiny', ['tiny.c'],\n"
    "    libraries=['yaml'])])\n",
    "tiny.py": None,
    "tiny.c": """#include <Python.h>
#include <yaml.h>
static PyObject *two(PyObject *self, PyObject *rest) {
    return PyLong_FromLong(yaml_get_version_string()[0] ? 2 : 0);
}
static PyMethodDef methods[] = {{"two", two, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "tiny", "", -1, methods};
PyMODINIT_FUNC PyInit_tiny(void) { return PyModule_Create(&module); }
""",
}


def test_an_extension_gets_the_headers_it_needs(
    engine: Engine, network: BuildNetwork, tmp_path: Path
) -> None:
    files = {name: text for name, text in (PROJECT | EXTENSION).items() if text is not None}
    commit(tmp_path / "tiny", "one", files)
    source = fetch(str(tmp_path / "tiny"), None, tmp_path / "one")
    image = prepare(task(source), source, Host(engine, network, print), Preferences(python=PYTHON))
    try:
        assert "# add libyaml-dev" in image.log
        with DockerSandbox(engine, image.reference) as sandbox:
            done = sandbox.run(f"{image.test_command} -q; git status --porcelain")
            assert done.output.rstrip().splitlines()[-1].startswith("1 passed"), done.output
    finally:
        engine.remove_image(image.reference)
