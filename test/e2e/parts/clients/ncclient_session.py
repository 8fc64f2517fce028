"""One ncclient session that performs the steps of its task; clients.ts says what a step is."""

from ncclient import manager
from ncclient.operations import RPCError
from ncclient.xml_ import to_ele

from common import BASE, answer, normalised, task


def perform(session, step):
    name = step["do"]
    if name == "get":
        return session.get()
    if name == "get-config":
        return session.get_config(source=step["source"])
    if name == "edit-config":
        return session.edit_config(target=step["target"], config=step["config"])
    if name in ("lock", "unlock"):
        return getattr(session, name)(target=step["target"])
    if name == "kill-session":
        return session.kill_session(step["sessionId"])
    if name == "rpc":
        return session.dispatch(to_ele(step["xml"]))
    # The junos handler sends Junos' own <commit-configuration>, which no other server knows.
    if name in ("commit", "discard-changes"):
        return session.dispatch(to_ele(f'<{name} xmlns="{BASE}"/>'))
    if name == "close":
        return session.close_session()
    raise ValueError(name)


def reply_text(reply):
    """The junos handler answers some requests with an element, the default one with a reply object."""
    text = getattr(reply, "tostring", None)
    return normalised(text if text is not None else str(reply))


def main():
    given = task()
    session = manager.connect(
        host=given["host"],
        port=given["port"],
        username=given["user"],
        password=given.get("password"),
        key_filename=given.get("keyFile"),
        hostkey_verify=False,
        look_for_keys=False,
        allow_agent=False,
        ssh_config=given.get("sshConfig"),
        timeout=given["timeout"],
        device_params={"name": given["handler"]},
    )
    replies = []
    for step in given["steps"]:
        try:
            replies.append({"do": step["do"], "reply": reply_text(perform(session, step))})
        except RPCError as error:
            replies.append({"do": step["do"], "error": {"tag": error.tag, "message": error.message}})
    answer(
        {
            "sessionId": session.session_id,
            "capabilities": sorted(session.server_capabilities),
            "replies": replies,
        }
    )
    if session.connected:
        session.close_session()


main()
