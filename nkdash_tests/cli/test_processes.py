import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from nkdash.cli.errors import CommandError
from nkdash.cli.ports import is_free, next_free
from nkdash.cli.processes import Processes, Program, python

GRANDCHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', {code!r}])"


def wait_for(there: Path) -> str:
    deadline = time.monotonic() + 10
    while not (there.exists() and there.read_text()):
        assert time.monotonic() < deadline, f"{there} never came"
        time.sleep(0.02)
    return there.read_text()


def gone(pid: int) -> bool:
    """Whether a process ended; one that nobody has reaped yet has ended too."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline, f"{pid} lives on"
        time.sleep(0.02)


def writes_pid(path: Path) -> str:
    return f"import os, time; open({str(path)!r}, 'w').write(str(os.getpid())); time.sleep(60)"


def test_leaving_ends_children_and_what_they_started(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = GRANDCHILD.format(code=writes_pid(pid_file))
    with Processes(tmp_path / "logs", os.environ, tmp_path) as processes:
        processes.start(Program("parent", python("-c", code), pid_file.exists))
        processes.wait_healthy(10)
        pid = int(wait_for(pid_file))
        assert not gone(pid)
    wait_gone(pid)


def test_a_child_that_dies_is_told_with_its_last_words_and_ends_the_rest(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    words = r"bad ended by itself \(exit code 3\)[\s\S]*no disk"
    with Processes(tmp_path / "logs", os.environ, tmp_path) as processes:
        processes.start(Program("good", python("-c", writes_pid(pid_file)), lambda: True))
        wait_for(pid_file)
        code = "import sys; print('no disk'); sys.exit(3)"
        processes.start(Program("bad", python("-c", code), lambda: True))
        with pytest.raises(CommandError, match=words):
            processes.watch(lambda _: None)
    wait_gone(int(pid_file.read_text()))


def test_one_that_never_answers_is_named(tmp_path: Path) -> None:
    with Processes(tmp_path / "logs", os.environ, tmp_path) as processes:
        asleep = python("-c", "import time; time.sleep(60)")
        processes.start(Program("deaf", asleep, lambda: False))
        with pytest.raises(CommandError, match="deaf did not answer"):
            processes.wait_healthy(0)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -9)]
)
def test_whatever_ends_us_no_child_is_left(tmp_path: Path, number: int, code: int) -> None:
    pid_file, child = tmp_path / "pid", tmp_path / "child.py"
    child.write_text(writes_pid(pid_file))
    script = f"""
        import os, sys
        from pathlib import Path
        from nkdash.cli.processes import Processes, Program, interruptible, python
        here = Path({str(tmp_path)!r})
        with interruptible(), Processes(here / "logs", os.environ, here) as processes:
            processes.start(Program("child", python("child.py"), (here / "pid").exists))
            processes.wait_healthy(10)
            processes.watch(lambda words: print(words, flush=True))
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True
    )
    with parent:
        assert parent.stdout is not None
        assert "Ctrl-C" in parent.stdout.readline()
        parent.send_signal(number)
        assert parent.wait(15) == code
    wait_gone(int(wait_for(pid_file)))


def test_ports_that_are_taken_are_seen_and_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert not is_free("127.0.0.1", port)
        assert next_free("127.0.0.1", port) > port
    assert next_free("127.0.0.1", port, taken={port}) > port
