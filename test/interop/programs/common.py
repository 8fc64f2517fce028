"""What the clients in Python share."""

import json
import sys

task = json.loads(sys.argv[-1])


def pattern(size, seed=0):
    """Octets of which no part equals another."""
    return b"".join(((at * 2654435761 + seed * 97) & 0xFFFFFFFF).to_bytes(4, "big") for at in range(0, size, 4))[:size]


def tell(word, value=None):
    print(word if value is None else f"{word} {json.dumps(value)}", flush=True)


def compare(heard, sent):
    if heard != sent:
        sys.exit(f"{len(heard)} octets came back for {len(sent)}, and others than sent")
