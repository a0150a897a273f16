"""Ports to listen on: is one free, and which is the next that is?"""

import socket
from collections.abc import Collection

TRIED = 50


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def next_free(host: str, preferred: int, taken: Collection[int] = ()) -> int:
    """``preferred``, or the next port above it that is free and not in ``taken``.

    Raises OSError when none of the next fifty is free.
    """
    for port in range(preferred, preferred + TRIED):
        if port not in taken and is_free(host, port):
            return port
    raise OSError(f"no free port between {preferred} and {preferred + TRIED - 1} on {host}")
