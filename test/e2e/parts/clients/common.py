"""What every client script shares: its task as JSON on standard input, one JSON answer on standard output."""

import json
import sys

from lxml import etree

BASE = "urn:ietf:params:xml:ns:netconf:base:1.0"
# Attributes that tell one run from the next although the answer is the same.
VOLATILE = {"message-id", "last-modified"}


def task():
    return json.load(sys.stdin)


def answer(value):
    json.dump(value, sys.stdout)


def normalised(xml):
    """Canonical XML without what legitimately differs between two runs, so that equal replies are equal strings."""
    parser = etree.XMLParser(remove_blank_text=True, remove_comments=True, huge_tree=True)
    root = etree.fromstring(xml.encode() if isinstance(xml, str) else xml, parser)
    for name in VOLATILE:
        root.attrib.pop(name, None)
    etree.cleanup_namespaces(root)
    return etree.tostring(root, method="c14n").decode()
