"""A client on paramiko that sends to a device that echoes."""

import os
import threading
import time

import paramiko

from common import compare, pattern, task, tell


def connect():
    transport = paramiko.Transport((task["host"], task["port"]))
    if task["rekey"]:
        transport.packetizer.REKEY_BYTES = task["rekey"]
    transport.start_client(timeout=20)
    method = task["method"]
    if method == "password":
        transport.auth_password(task["user"], task["password"], fallback=False)
    elif method == "keyboard-interactive":
        transport.auth_interactive(task["user"], lambda title, instructions, prompts: [task["password"]] * len(prompts))
    elif method == "agent":
        os.environ["SSH_AUTH_SOCK"] = task["agent"]
        transport.auth_publickey(task["user"], paramiko.Agent().get_keys()[0])
    else:
        kind = {"rsa": paramiko.RSAKey, "ecdsa": paramiko.ECDSAKey}.get(method, paramiko.Ed25519Key)
        key = kind.from_private_key_file(task["keyFile"])
        if task["certificateFile"]:
            key.load_certificate(task["certificateFile"])
        transport.auth_publickey(task["user"], key)
    return transport


def echo(channel, size, seed=0):
    sent = pattern(size, seed)
    writer = threading.Thread(target=channel.sendall, args=(sent,), daemon=True)
    writer.start()
    heard = bytearray()
    while len(heard) < size:
        data = channel.recv(65536)
        if not data:
            break
        heard += data
    compare(bytes(heard), sent)
    writer.join()


transport = connect()
channels = [transport.open_session() for _ in range(task["channels"])]
for channel in channels:
    channel.settimeout(40)
    channel.invoke_subsystem("netconf")
threads = [threading.Thread(target=echo, args=(channel, task["bytes"], seed)) for seed, channel in enumerate(channels)]
failed = []
threading.excepthook = lambda given: failed.append(given.exc_value)
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
if failed:
    raise failed[0]
if task["idle"]:
    time.sleep(task["idle"] / 1000)
    for channel in channels:
        echo(channel, 1000)
tell("echoed")
if task["hold"]:
    time.sleep(600)
statuses = []
for channel in channels:
    channel.shutdown_write()
    statuses.append(channel.recv_exit_status())
transport.close()
tell("statuses", statuses)
