"""Several NETCONF sessions at once, each a subsystem channel on one paramiko connection."""

import re

import paramiko

from common import BASE, answer, normalised, task

END = b"]]>]]>"


def read_message(channel, buffers):
    pending = buffers.setdefault(channel, b"")
    while END not in pending:
        data = channel.recv(65536)
        if not data:
            raise EOFError("channel ended")
        pending += data
    message, buffers[channel] = pending.split(END, 1)
    return message


def connect(given, host, port, sock=None):
    client = paramiko.SSHClient()
    if given.get("knownHosts"):
        client.load_host_keys(given["knownHosts"])
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
    else:
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
    client.connect(
        host,
        port=port,
        username=given["user"],
        password=given.get("password"),
        key_filename=given.get("keyFile"),
        look_for_keys=False,
        allow_agent=False,
        timeout=given["timeout"],
        sock=sock,
    )
    return client


def main():
    given = task()
    client = connect(given, given["host"], given["port"])
    outer = client
    if given.get("jumpTo"):
        way = outer.get_transport().open_channel("direct-tcpip", (given["jumpTo"], 830), ("127.0.0.1", 0))
        client = connect(given, given["jumpTo"], 830, way)
    capability = "<capability>urn:ietf:params:netconf:base:1.0</capability>"
    buffers, sessions, hellos = {}, [], []
    for _ in range(given["sessions"]):
        channel = client.get_transport().open_session(timeout=given["timeout"])
        channel.settimeout(given["timeout"])
        channel.invoke_subsystem("netconf")
        # Ours first: netconfd holds a request that it reads together with the hello.
        channel.sendall(f'<hello xmlns="{BASE}"><capabilities>{capability}</capabilities></hello>'.encode() + END)
        hellos.append(read_message(channel, buffers))
        sessions.append(channel)
    # In turn over the sessions, not session by session: all of them are alive at the same time.
    replies = [[] for _ in sessions]
    for number, body in enumerate(given["requests"], 1):
        for channel in sessions:
            channel.sendall(f'<rpc xmlns="{BASE}" message-id="{number}">{body}</rpc>'.encode() + END)
        for index, channel in enumerate(sessions):
            replies[index].append(normalised(read_message(channel, buffers)))
    ids = [int(re.search(rb"<session-id>(\d+)</session-id>", hello)[1]) for hello in hellos]
    answer([{"sessionId": id, "replies": got} for id, got in zip(ids, replies)])
    client.close()
    outer.close()


main()
