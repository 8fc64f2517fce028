"""What a script does that has no session to keep: for each call it connects, asks, and closes. Prints how many a second."""

import sys
import time

from ncclient import manager

port, username, key_filename, calls = sys.argv[1:]


def call():
    with manager.connect(
        host="127.0.0.1",
        port=int(port),
        username=username,
        key_filename=key_filename,
        hostkey_verify=False,
        look_for_keys=False,
        allow_agent=False,
    ) as session:
        session.get()


began = time.monotonic()
for _ in range(int(calls)):
    call()
print(int(calls) / (time.monotonic() - began))
