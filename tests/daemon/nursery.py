"""A nursery of processes: the command line is imported once and forked for each run.

A test that starts the same command twenty times would spend most of its time on imports. Each run is still a
process of its own, with its own loop, connections and files, that ends by a signal or by itself.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from daemon.cli.main import main


class Nursery:
    """Starts command lines; made by `nursery`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, *arguments: object, output: Path) -> Child:
        """Start `forewarn ARGUMENTS` with its standard output in a file."""
        assert self._process.stdin is not None
        order = {"arguments": [str(one) for one in arguments], "output": str(output)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return Child(self, int(self._told()), output)

    def ended(self, child: int) -> int:
        """Wait for the end of a child; return its exit code, or minus the signal that ended it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"wait": child}) + "\n")
        self._process.stdin.flush()
        return int(self._told())

    def _told(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the nursery ended"
        return line


class Child:
    """One run of the command line."""

    def __init__(self, nursery: Nursery, pid: int, output: Path) -> None:
        self._nursery = nursery
        self.pid = pid
        self.output = output

    def kill(self) -> int:
        """Send SIGKILL and return how it ended."""
        os.kill(self.pid, signal.SIGKILL)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end; return its exit code, or minus the signal that ended it."""
        return self._nursery.ended(self.pid)

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        state = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z"


@contextmanager
def nursery() -> Iterator[Nursery]:
    """Open a nursery and close it with everything that still runs in it."""
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}  # a fork must find no thread
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.daemon.nursery"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | one_thread,
    )
    try:
        yield Nursery(process)
    finally:
        process.communicate()


def _serve() -> None:
    import sklearn.linear_model  # noqa: F401, PLC0415

    import daemon.commands.process  # noqa: F401, PLC0415 - what every child would import

    children: set[int] = set()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            children.discard(order["wait"])
            _tell(os.waitstatus_to_exitcode(status))
            continue
        child = os.fork()
        if child == 0:
            _run(order["arguments"], order["output"])
        children.add(child)
        _tell(child)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _run(arguments: list[str], output: str) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    sys.argv = ["forewarn", *arguments]
    code = 1
    try:
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.stdout.flush()
        os._exit(code)


def _tell(what: int) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _serve()
