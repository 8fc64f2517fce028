"""One PyEZ session that performs RPCs given as XML."""

from jnpr.junos import Device
from lxml import etree

from common import answer, normalised, task


def main():
    given = task()
    device = Device(
        host=given["host"],
        port=given["port"],
        user=given["user"],
        passwd=given.get("password"),
        ssh_private_key_file=given.get("keyFile"),
        ssh_config=None,
        look_for_keys=False,
        allow_agent=False,
        hostkey_verify=False,
        gather_facts=False,
        conn_open_timeout=given["timeout"],
    )
    device.open()
    device.timeout = given["timeout"]
    replies = [normalised(etree.tostring(device.execute(etree.fromstring(body)))) for body in given["requests"]]
    answer({"sessionId": device._conn.session_id, "replies": replies})
    device.close()


main()
