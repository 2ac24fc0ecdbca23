"""Run as a script: ``die_with_parent.py PARENT_PID PIPE COMMAND ARG…`` becomes the command, and dies when the parent does.

PIPE is a descriptor on which the reaper (see `reaper`) is told of our process group, or ``-1``. We say it ourselves, before the
command begins: a server that said it afterwards could be killed in between, and what the command started would live on.

PR_SET_PDEATHSIG survives exec and fires when the *thread* that started us ends, also when the whole server was killed
with SIGKILL. A preexec function could do the same, but forking Python code in a process full of gRPC threads is not safe.
Kept to the standard library's lightest modules: it runs before every attempt (``-I -S``, about 20 ms).
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Asks for SIGKILL when the parent dies, then becomes the command."""
    parent, pipe, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if pipe >= 0:
        try:  # noqa: SIM105  # contextlib is as heavy as all that is imported here
            os.write(pipe, f"+{os.getpid()}\n".encode())
        except OSError:  # somebody killed the reaper
            pass
        os.close(pipe)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and exec would hand that on
        signal.signal(number, signal.SIG_DFL)
    if os.getppid() != parent:  # it died before we could ask
        sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error}\n")
        sys.exit(127)


if __name__ == "__main__":
    main()
