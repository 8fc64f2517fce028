"""Loads a firewall in a network of its own, and says which port can be reached from which address.

Asks on its standard input, in JSON: {"rules": file, "from": [address], "ports": [port]}. Answers {address: [port that
answers]}. To be run in a network namespace of its own, as its root.
"""

import json
import re
import select
import socket
import subprocess
import sys

HERE = "203.0.113.5"
DEADLINE = 30


def ip(*words):
    subprocess.run(["ip", *words], check=True)


def dropped():
    listed = subprocess.run(["nft", "list", "ruleset"], check=True, capture_output=True, text=True).stdout
    return sum(int(packets) for packets in re.findall(r"counter packets (\d+)", listed))


asked = json.load(sys.stdin)

# The other side of the wire is a namespace that lives as long as this child, which dials what it is told, line by line.
# It hangs up before it dials again, so that nothing of one attempt is counted for the next.
DIALLER = """
import socket, sys
dialled = socket.socket()
print("ready", flush=True)
for line in sys.stdin:
    dialled.close()
    if line.strip():
        source, to, port = line.split()
        dialled = socket.socket()
        dialled.bind((source, 0))
        dialled.setblocking(False)
        dialled.connect_ex((to, int(port)))
    else:
        print("hung up", flush=True)
"""
child = subprocess.Popen(
    ["unshare", "--net", sys.executable, "-c", DIALLER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
)
child.stdout.readline()

ip("link", "set", "lo", "up")
ip("link", "add", "outside", "type", "veth", "peer", "name", "wire", "netns", str(child.pid))
ip("address", "add", f"{HERE}/24", "dev", "outside")
ip("link", "set", "outside", "up")
into = ["nsenter", f"--net=/proc/{child.pid}/ns/net", "ip"]
subprocess.run([*into, "link", "set", "wire", "up"], check=True)
for address in asked["from"]:
    subprocess.run([*into, "address", "add", f"{address}/32", "dev", "wire"], check=True)
    ip("route", "add", f"{address}/32", "dev", "outside")
subprocess.run([*into, "route", "add", f"{HERE}/32", "dev", "wire"], check=True)

# Twice: it may be loaded again.
for _ in range(2):
    subprocess.run(["nft", "-f", asked["rules"]], check=True)

listeners = {}
for port in asked["ports"]:
    listeners[port] = socket.create_server((HERE, port))

answer = {address: [] for address in asked["from"]}
for address in asked["from"]:
    for port, listener in listeners.items():
        child.stdin.write("\n")
        child.stdin.flush()
        child.stdout.readline()
        before = dropped()
        child.stdin.write(f"{address} {HERE} {port}\n")
        child.stdin.flush()
        # One of both happens: the listener has it, or the last rule has counted it.
        for _ in range(DEADLINE * 20):
            if select.select([listener], [], [], 0.05)[0]:
                listener.accept()[0].close()
                answer[address].append(port)
                break
            if dropped() > before:
                break
        else:
            sys.exit(f"{address} to {port}: neither let through nor counted")
child.stdin.close()
child.wait()
print(json.dumps(answer))
