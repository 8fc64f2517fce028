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
BASE10 = "urn:ietf:params:netconf:base:1.0"
BASE11 = "urn:ietf:params:netconf:base:1.1"


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



def answers():
    """Does what each RPC asks for: waits <wait> milliseconds, then answers with <size> octets of text, or of the markup <of> over and over, and its <token>."""
    capabilities = "".join(f"<capability>{uri}</capability>" for uri in (BASE10, BASE11))
    hello = f'<hello xmlns="{BASE}"><capabilities>{capabilities}</capabilities><session-id>{os.getpid()}</session-id></hello>'
    write(hello.encode() + END)
    messages = incoming()
    chunked = BASE11.encode() in next(messages)

    def send_part(data):
        write(b"\n#%d\n%s" % (len(data), data) if chunked else data)

    for message in messages:
        found = re.search(rb'<(?:[\w-]+:)?rpc\b[^>]*message-id="([^"]*)"', message)
        if not found:
            continue
        asked = {name: re.search(rb"<%s>([^<]*)</%s>" % (name, name), message) for name in (b"wait", b"size", b"token", b"of")}
        wait, size, token = (asked[name][1] if asked[name] else b"0" for name in (b"wait", b"size", b"token"))
        part = asked[b"of"][1].replace(b"&lt;", b"<").replace(b"&gt;", b">") if asked[b"of"] else b"x"
        filling = part * (CHUNK // len(part) or 1)
        time.sleep(int(wait) / 1000)
        send_part(b'<rpc-reply xmlns="%s" message-id="%s"><data><token>%s</token><text>' % (BASE.encode(), found[1], token))
        for start in range(0, int(size), len(filling)):
            send_part(filling[: (int(size) - start) // len(part) * len(part) or len(part)])
        send_part(b"</text></data></rpc-reply>")
        write(b"\n##\n" if chunked else END)
        if re.search(rb"<(?:[\w-]+:)?close-session", message):
            return


def incoming():
    """The messages on standard input; the framing of those after the first is what their first octets say."""
    pending = b""
    first = True
    while data := os.read(0, CHUNK):
        pending += data
        while True:
            chunks = None if first else re.match(rb"((?:\n#[1-9]\d*\n)|\n##\n)", pending)
            if chunks:
                message, rest = b"", pending
                while header := re.match(rb"\n#([1-9]\d*)\n", rest):
                    length = int(header[1])
                    message, rest = message + rest[header.end() : header.end() + length], rest[header.end() + length :]
                if not rest.startswith(b"\n##\n"):
                    break
                pending = rest[4:]
            elif END in pending:
                message, pending = pending.split(END, 1)
            else:
                break
            first = False
            yield message


if __name__ == "__main__":
    modes = {"send": send, "sink": sink, "complain": complain, "replies": replies, "record": record, "answers": answers}
    modes[sys.argv[1]](*sys.argv[2:])
