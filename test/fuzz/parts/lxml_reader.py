"""Reads documents as a device on libxml2 does: one of base64 a line in, what it is to the two parsers as a line of JSON out."""
import base64
import json
import sys

from lxml import etree


def described(node):
    name = etree.QName(node)
    return [name.namespace or "", name.localname]


def elements(node):
    return [child for child in node if isinstance(child.tag, str)]


def read(octets, recover):
    parser = etree.XMLParser(recover=recover, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    if root is None or not isinstance(root.tag, str):
        return None
    operations = []
    for operation in elements(root):
        datastores = [
            [described(parameter)[1].lower(), [described(store)[1] for store in elements(parameter)]]
            for parameter in elements(operation)
            if described(parameter)[1].lower() in ("source", "target", "datastore")
        ]
        operations.append([*described(operation), datastores])
    return {"root": described(root), "operations": operations}


for line in sys.stdin:
    octets = base64.b64decode(line)
    print(json.dumps([read(octets, False), read(octets, True)]), flush=True)
