"""Runs Patroni, and beside it a fence: what Patroni has started ends when Patroni is gone, however it ended.

A Postgres whose Patroni was killed would go on as a primary that nobody deposes. Each of the three kinds of
processes has a marker of its own, by which vvbill knows it.
"""

import os
import signal
import subprocess
import sys
import time

MARKER = "VVBILL_RESOURCE"
# How long an immediate shutdown may take before what is left is killed.
LIMIT_SECONDS = 8


def marked(value):
    """The processes that were started with this marker."""
    wanted = f"{MARKER}={value}".encode()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as environment:
                if wanted in environment.read().split(b"\0"):
                    yield int(name)
        except OSError:
            pass


def fence(value):
    """Waits for Patroni's end, then ends what bears the marker: at once, as a crash would."""
    sys.stdin.read()
    start = time.monotonic()
    asked = set()
    while left := set(marked(value)):
        is_late = time.monotonic() - start > LIMIT_SECONDS
        for pid in left if is_late else left - asked:
            try:
                os.kill(pid, signal.SIGKILL if is_late else signal.SIGQUIT)
            except ProcessLookupError:
                pass
        asked |= left
        time.sleep(0.1)


def run():
    home = os.environ[MARKER]
    os.environ[MARKER] = home + "/fence"
    command = [sys.executable, "-I", "-S", os.path.abspath(__file__), "fence", home + "/postgres"]
    # Its input ends with this process; nobody else has the other end.
    watching = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    os.environ[MARKER] = home + "/postgres"
    from patroni.__main__ import main

    try:
        main()
    finally:
        watching.stdin.close()


if __name__ == "__main__":
    if sys.argv[1] == "fence":
        fence(sys.argv[2])
    else:
        run()
