"""ncclient with a device that answers with as much text as is asked for."""

import os
import time

from lxml import etree
from ncclient import manager
from ncclient.xml_ import to_ele

from common import task, tell

method = task["method"]
proof = {"password": {"password": task["password"]}, "agent": {"allow_agent": True}}.get(method, {"key_filename": task["keyFile"]})
if method == "agent":
    os.environ["SSH_AUTH_SOCK"] = task["agent"]


def ask(session, size):
    """So much goes there in one request, and comes back in its reply."""
    text = "x" * size
    reply = session.dispatch(to_ele(f"<ask><size>{size}</size><token>t{size}</token><text>{text}</text></ask>"))
    found = etree.fromstring(reply.xml.encode(), etree.XMLParser(huge_tree=True))
    answers = [each.text for each in found.iter() if etree.QName(each).localname == "text"]
    if not answers or len(answers[0]) < size:
        raise SystemExit(f"{len(answers[0]) if answers else 0} octets came back for {size}")


session = manager.connect(
    host=task["host"],
    port=task["port"],
    username=task["user"],
    hostkey_verify=False,
    look_for_keys=False,
    timeout=40,
    **{"allow_agent": False, **proof},
)
session.huge_tree = True
if task["rekey"]:
    session._session._transport.packetizer.REKEY_BYTES = task["rekey"]
ask(session, task["bytes"])
if task["idle"]:
    time.sleep(task["idle"] / 1000)
    ask(session, 1000)
tell("echoed")
if task["hold"]:
    time.sleep(600)
session.close_session()
tell("statuses", [0])
