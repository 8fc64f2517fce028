"""A program on a terminal of its own, typed at by the steps of its task; terminal.ts says what a step is."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

from common import answer, task


def set_size(terminal, columns, rows):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


class Terminal:
    def __init__(self, given):
        self.timeout = given["timeout"]
        self.seen = b""
        self.position = 0
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            # Set before the program looks: the size, and an erase character that nobody has by default.
            set_size(0, given["columns"], given["rows"])
            attributes = termios.tcgetattr(0)
            attributes[6][termios.VERASE] = b"\x08"
            termios.tcsetattr(0, termios.TCSANOW, attributes)
            os.environ.update(given["environment"])
            os.execvp(given["command"][0], given["command"])

    def read(self, deadline):
        """Reads once; False at the end of the program's output."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.terminal], [], [], left)[0]:
            raise TimeoutError(f"the last that was seen: {self.seen[-500:]!r}")
        try:
            octets = os.read(self.terminal, 65536)
        except OSError:
            return False
        self.seen += octets
        return octets != b""

    def expect(self, pattern):
        deadline = time.monotonic() + self.timeout
        while True:
            found = re.compile(pattern.encode()).search(self.seen, self.position)
            if found:
                self.position = found.end()
                return
            if not self.read(deadline):
                raise EOFError(f"the program ended before {pattern!r}: {self.seen!r}")

    def end(self):
        deadline = time.monotonic() + self.timeout
        while self.read(deadline):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


def main():
    given = task()
    terminal = Terminal(given)
    try:
        for step in given["steps"]:
            if "expect" in step:
                terminal.expect(step["expect"])
            elif "type" in step:
                os.write(terminal.terminal, step["type"].encode())
            elif "resize" in step:
                set_size(terminal.terminal, *step["resize"])
        status = terminal.end()
    except BaseException:
        os.kill(terminal.child, signal.SIGKILL)
        raise
    answer({"status": status, "output": terminal.seen.decode(errors="replace")})


sys.exit(main())
