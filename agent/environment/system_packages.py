"""Debian packages that C extensions need, read from what a failed build says of them."""

from __future__ import annotations

import re
from shlex import join

HEADERS = {
    "bzlib.h": "libbz2-dev", "cairo.h": "libcairo2-dev", "curl/": "libcurl4-openssl-dev",
    "dbus/": "libdbus-1-dev", "expat.h": "libexpat1-dev", "ev.h": "libev-dev",
    "event.h": "libevent-dev", "ffi.h": "libffi-dev", "fftw3.h": "libfftw3-dev",
    "freetype/": "libfreetype-dev", "ft2build.h": "libfreetype-dev", "gdal.h": "libgdal-dev",
    "geos_c.h": "libgeos-dev", "GL/": "libgl-dev", "glib.h": "libglib2.0-dev",
    "gmp.h": "libgmp-dev", "gssapi/": "libkrb5-dev", "hdf5.h": "libhdf5-dev",
    "jpeglib.h": "libjpeg-dev", "krb5.h": "libkrb5-dev", "lber.h": "libldap-dev",
    "ldap.h": "libldap-dev", "libpq-fe.h": "libpq-dev", "libxml/": "libxml2-dev",
    "libxslt/": "libxslt1-dev", "lz4.h": "liblz4-dev", "lzma.h": "liblzma-dev",
    "mpc.h": "libmpc-dev", "mpfr.h": "libmpfr-dev", "my_config.h": "default-libmysqlclient-dev",
    "mysql.h": "default-libmysqlclient-dev", "ncurses.h": "libncurses-dev",
    "netcdf.h": "libnetcdf-dev", "openssl/": "libssl-dev", "pcre.h": "libpcre3-dev",
    "png.h": "libpng-dev", "portaudio.h": "portaudio19-dev", "proj.h": "libproj-dev",
    "readline/": "libreadline-dev", "sasl/": "libsasl2-dev", "snappy-c.h": "libsnappy-dev",
    "snappy.h": "libsnappy-dev", "sql.h": "unixodbc-dev", "sqlite3.h": "libsqlite3-dev",
    "systemd/": "libsystemd-dev", "tiff.h": "libtiff-dev", "tk.h": "tk-dev",
    "uuid/": "uuid-dev", "webp/": "libwebp-dev", "X11/": "libx11-dev", "yaml.h": "libyaml-dev",
    "zlib.h": "zlib1g-dev", "zmq.h": "libzmq3-dev", "zstd.h": "libzstd-dev",
}  # fmt: skip
"""The package of a header; a name that ends in a slash stands for the folder."""
PROGRAMS = {
    "bison": "bison", "cargo": "cargo", "cmake": "cmake", "curl-config": "libcurl4-openssl-dev",
    "flex": "flex", "gdal-config": "libgdal-dev", "geos-config": "libgeos-dev",
    "gfortran": "gfortran", "krb5-config": "libkrb5-dev", "m4": "m4",
    "mysql_config": "default-libmysqlclient-dev", "nc-config": "libnetcdf-dev",
    "pg_config": "libpq-dev", "pkg-config": "pkg-config", "rustc": "rustc", "swig": "swig",
    "xml2-config": "libxml2-dev", "xslt-config": "libxslt1-dev",
}  # fmt: skip
LIBRARIES = {
    "blas": "libopenblas-dev", "crypto": "libssl-dev", "ffi": "libffi-dev",
    "lapack": "liblapack-dev", "openblas": "libopenblas-dev", "pq": "libpq-dev",
    "ssl": "libssl-dev", "xml2": "libxml2-dev", "xslt": "libxslt1-dev", "z": "zlib1g-dev",
}  # fmt: skip
MESSAGES = (
    (re.compile(r"no lapack/blas resources found|lapack.* not found", re.IGNORECASE),
     ("libopenblas-dev", "gfortran")),
    (re.compile(r"libxml2 and libxslt development packages", re.IGNORECASE),
     ("libxml2-dev", "libxslt1-dev")),
    (re.compile(r"headers or library files could not be found for zlib"), ("zlib1g-dev",)),
    (re.compile(r"headers or library files could not be found for jpeg"), ("libjpeg-dev",)),
    (re.compile(r"no fortran compiler|unknown compiler\(s\):.*gfortran", re.IGNORECASE),
     ("gfortran",)),
)  # fmt: skip
"""What well-known build scripts print, in place of a compiler's message."""
_HEADER = re.compile(r"fatal error: ([\w./+-]+\.h\w*): No such file or directory")
_PROGRAM = re.compile(
    r"""(?:No such file or directory: |command not found: |Unable to find |\brun |: )"""
    r"""['"`]?([\w-]+)['"`]?(?:: (?:command )?not found| executable not found|$)""",
    re.MULTILINE,
)
_LIBRARY = re.compile(r"cannot find -l(\w+)")


def missing(output: str) -> set[str]:
    """Return the packages without which a step failed, as far as its output tells."""
    found = {
        package for pattern, packages in MESSAGES if pattern.search(output) for package in packages
    }
    for header in _HEADER.findall(output):
        folder = header.partition("/")[0] + "/" if "/" in header else ""
        found |= {HEADERS[name] for name in (header, folder) if name in HEADERS}
    found |= {PROGRAMS[name] for name in _PROGRAM.findall(output) if name in PROGRAMS}
    return found | {LIBRARIES[name] for name in _LIBRARY.findall(output) if name in LIBRARIES}


def install(packages: set[str]) -> str:
    """Return the command that adds packages to a Debian image."""
    names = join(sorted(packages))
    return (
        "export DEBIAN_FRONTEND=noninteractive; apt-get update -qq && "
        f"apt-get install -y -qq --no-install-recommends {names} && "
        "apt-get clean && rm -rf /var/lib/apt/lists/*"
    )
