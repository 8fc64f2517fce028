"""Subsystem commands for tests that look at bytes; byte-subsystem.ts says what each mode does."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time

CHUNK = 65536
END = b"]]>]]>"
BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"


def write(data):
    """Unbuffered, so that what was written is out even when the next read blocks."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view):]


def send(size, status):
    pattern = bytes((i * 31 + (i >> 8) * 7) & 0xFF for i in range(CHUNK))
    size = int(size)
    for number in range((size + CHUNK - 1) // CHUNK):
        chunk = number.to_bytes(4, "big") + pattern[4:]
        write(chunk[: size - number * CHUNK])
    sys.exit(int(status))


def sink(report_file=None):
    digest, count = hashlib.sha256(), 0
    while data := os.read(0, CHUNK):
        digest.update(data)
        count += len(data)
    report = json.dumps({"bytes": count, "sha256": digest.hexdigest(), "eof": True})
    if report_file:
        with open(report_file, "w") as file:
            file.write(report)
    write(report.encode())


def complain(text, status):
    sys.stderr.write(text + "\n")
    sys.exit(int(status))


def replies(delay):
    capability = "<capability>urn:ietf:params:netconf:base:1.0</capability>"
    hello = f'<hello xmlns="{BASE}"><capabilities>{capability}</capabilities><session-id>{os.getpid()}</session-id></hello>'
    write(hello.encode() + END)
    pending = b""
    while data := os.read(0, CHUNK):
        pending += data
        *messages, pending = pending.split(END)
        for message in messages:
            found = re.search(rb'<rpc[^>]*message-id="([^"]*)"', message)
            if not found:
                continue
            time.sleep(int(delay) / 1000)
            write(b'<rpc-reply xmlns="%s" message-id="%s"><ok/></rpc-reply>' % (BASE.encode(), found[1]) + END)
            if b"<close-session" in message:
                return


def record(record_file, program):
    child = subprocess.Popen(program, shell=True, stdin=subprocess.PIPE)

    def carry():
        with open(record_file, "ab", buffering=0) as file:
            while data := os.read(0, CHUNK):
                file.write(data)
                try:
                    child.stdin.write(data)
                    child.stdin.flush()
                except BrokenPipeError:
                    return
        child.stdin.close()

    threading.Thread(target=carry, daemon=True).start()
    # Its end is ours, although our own input may still be open.
    os._exit(child.wait())


if __name__ == "__main__":
    modes = {"record": record, "send": send, "sink": sink, "complain": complain, "replies": replies}
    modes[sys.argv[1]](*sys.argv[2:])
