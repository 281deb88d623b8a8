"""Put this folder first on PYTHONPATH: look-ups and connections beyond loopback are refused."""

import os
import sys
from pathlib import Path

LOOPBACK = ("127.", "localhost", "::1", "0.0.0.0")


def refuse_egress(event: str, args: tuple) -> None:
    if event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(args[1], tuple):
        host = args[1][0]
    else:
        return
    if host and not str(host).startswith(LOOPBACK):
        with Path(os.environ["EGRESS_LOG"]).open("a") as log:
            log.write(f"{event} {host}\n")
        raise OSError(f"egress refused: {host}")


sys.addaudithook(refuse_egress)
