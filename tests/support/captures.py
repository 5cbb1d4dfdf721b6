"""`firstring capture` from outside: order one, and see what came."""

import time

from support.server import DEADLINE, firstring


def until(condition, complaint):
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, complaint()
        time.sleep(0.02)


def order(server, *arguments):
    """Orders a capture, and waits until the server has begun."""
    before = server.log_text().count(" is on until ")
    firstring("capture", *arguments, folder=server.folder)
    until(lambda: server.log_text().count(" is on until ") > before, server.log_text)


def files(server):
    folder = server.folder / "evidence"
    return sorted(path.name for path in folder.glob("*.pcapng"))


def capture_of(server, connect):
    """The file of the one connection that `connect` makes."""
    before = files(server)
    order(server, "next")
    connect()
    until(lambda: len(files(server)) > len(before), server.log_text)
    (name,) = set(files(server)) - set(before)
    return server.folder / "evidence" / name
