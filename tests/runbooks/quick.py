"""`certfactory` for boxes of runbooks: it has imported everything, and forks for each command.

``python -m tests.runbooks.quick SOCKET`` listens; ``client(SOCKET)`` is the text of the program
that boxes call.  It hands over its words, folder, environment and standard streams; what runs is
`cli.main`, in a process of its own, and its exit code comes back.
"""

import array
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: for the shell a command, for Python a text: a first line of the kernel's takes no spaces
CLIENT = """#!/bin/sh
"exec" "{python}" "-SE" "$0" "$@"
import array, json, os, socket, sys
there = socket.socket(socket.AF_UNIX)
there.connect({socket!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
files = array.array("i", [0, 1, 2])
there.sendmsg([len(asked).to_bytes(4, "big")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, files)])
there.sendall(asked)
sys.exit((there.recv(1) or b"\\x7f")[0])
"""


def client(path: Path) -> str:
    """The program that stands for `certfactory`."""
    return CLIENT.format(python=sys.executable, socket=str(path))


@contextmanager
def answering(folder: Path) -> Iterator[Path]:
    """That folder with `certfactory` in it, which answers at once."""
    shim, there = folder / "certfactory", folder / "socket"
    shim.write_text(client(there), "ascii")
    shim.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.runbooks.quick", str(there)],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield folder
    finally:
        process.kill()
        process.wait()


def serve(path: Path) -> None:
    """Until killed: a command a connection, several at once."""
    import cli
    from jobs.commands.root import Later

    for each in cli.COMMANDS:
        assert isinstance(each, Later)
        each.found()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    listening.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        there, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(_answer(there))
        there.close()


def _answer(there: socket.socket) -> int:
    files = array.array("i", [0, 0, 0])
    size, passed, _, _ = there.recvmsg(4, socket.CMSG_SPACE(3 * files.itemsize))
    files = array.array("i", passed[0][2])
    asked = b""
    while len(asked) < int.from_bytes(size, "big"):
        asked += there.recv(65536)
    words, folder, environ = json.loads(asked)
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environ)
    there.send(bytes([_run(words)]))
    return 0


def _run(words: list[str]) -> int:
    import cli

    try:
        cli.main(words, prog_name="certfactory")
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
