"""A server on paramiko: echoes on its subsystem netconf, and ends that with an exit status."""

import json
import socket
import sys
import threading

import paramiko

given = json.loads(sys.argv[1])
KEYS = {line.split()[1] for line in given["authorizedKeys"]}
METHODS = {"password": "password", "typed": "keyboard-interactive"}


class Server(paramiko.ServerInterface):
    def get_allowed_auths(self, username):
        return METHODS.get(username, "publickey")

    def check_auth_password(self, username, password):
        right = username == "password" and password == given["password"]
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username, submethods):
        # The name is shown as it is typed; the token is a secret that is not the password.
        prompts = ("Username: ", True), ("Password: ", False), ("Token: ", False)
        return paramiko.InteractiveQuery("", "", *prompts) if username == "typed" else paramiko.AUTH_FAILED

    def check_auth_interactive_response(self, responses):
        return paramiko.AUTH_SUCCESSFUL if responses == ["typed", given["password"], ""] else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        return paramiko.AUTH_SUCCESSFUL if key.get_base64() in KEYS else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_subsystem_request(self, channel, name):
        threading.Thread(target=echo, args=(channel,), daemon=True).start()
        return True


def echo(channel):
    try:
        while data := channel.recv(65536):
            channel.sendall(data)
        channel.send_exit_status(given["status"])
        channel.shutdown_write()
        channel.close()
    except (OSError, EOFError):
        pass


def serve(connection, rekey):
    transport = paramiko.Transport(connection)
    if rekey:
        transport.packetizer.REKEY_BYTES = given["rekey"]
    for path in given["hostKeys"]:
        transport.add_server_key(paramiko.Ed25519Key.from_private_key_file(path))
    try:
        transport.start_server(server=Server())
    except (EOFError, OSError, paramiko.SSHException) as error:
        print(error, file=sys.stderr, flush=True)


def listen(rekey):
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            serve(listener.accept()[0], rekey)

    threading.Thread(target=accept).start()
    return listener.getsockname()[1]


print("ports", json.dumps({"usual": listen(False), "rekey": listen(True)}), flush=True)
