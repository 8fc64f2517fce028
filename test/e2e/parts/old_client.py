"""A client that knows what paramiko 1.x knew: opens the subsystem netconf, sends standard input and prints as much."""

import socket
import sys

import paramiko
from paramiko.transport import Transport

HOST, PORT, USER, SECRET = sys.argv[1:5]

KNOWN = {
    "kex": ["diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1", "diffie-hellman-group1-sha1"],
    "keys": ["ssh-rsa", "ssh-dss"],
    "ciphers": ["aes128-cbc", "3des-cbc"],
    "macs": ["hmac-sha1", "hmac-md5"],
    "pubkeys": ["ssh-rsa", "ssh-dss"],
}
DISABLED = {
    kind: [name for name in getattr(Transport, "_preferred_" + kind) if name not in known]
    for kind, known in KNOWN.items()
}

transport = Transport(socket.create_connection((HOST, int(PORT)), 20), disabled_algorithms=DISABLED)
transport.start_client(timeout=20)
if SECRET.startswith("/"):
    transport.auth_publickey(USER, paramiko.RSAKey.from_private_key_file(SECRET))
else:
    transport.auth_password(USER, SECRET)
channel = transport.open_session(timeout=20)
channel.invoke_subsystem("netconf")
sent = sys.stdin.buffer.read()
channel.sendall(sent)
received = b""
while len(received) < len(sent):
    part = channel.recv(65536)
    if part == b"":
        break
    received += part
sys.stdout.buffer.write(received)
print(transport.host_key_type, transport.remote_cipher, transport.remote_mac, file=sys.stderr)
transport.close()
