"""Reading and writing files for the owner of a sandbox, with builtins only."""

import errno
import os
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO

READ_LIMIT = 256 << 20


def raw(text: str) -> bytes:
    """Return a path, a command or a variable as the kernel takes it, names not in UTF-8 too."""
    return text.encode("utf-8", "surrogateescape")


def nonblocking(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY, 0o666)


def open_regular(path: bytes, mode: str) -> "IO[bytes]":
    """Open a file that is one: a pipe would block, a device may never end."""
    file: "IO[bytes]" = open(path, mode, opener=nonblocking)
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise PermissionError(errno.EPERM, "Not a regular file")


def read_file(path: bytes) -> bytes:
    with open_regular(path, "rb") as file:
        content: bytes = file.read(READ_LIMIT + 1)
    if len(content) > READ_LIMIT:
        raise OSError(errno.EFBIG, "File too large (over %d MB)" % (READ_LIMIT >> 20))
    return content


def write_file(path: bytes, payload: bytes) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open_regular(path, "wb") as file:
        file.write(payload)


def input_of(payload: bytes) -> int:
    """Return a descriptor from which a command reads its standard input."""
    if not payload:
        return os.open(os.devnull, os.O_RDONLY)
    name = ".input-" + "".join("%02x" % byte for byte in os.urandom(8))
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), name)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    os.unlink(path)
    left = memoryview(payload)
    try:
        while left:
            left = left[os.write(descriptor, left) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor
