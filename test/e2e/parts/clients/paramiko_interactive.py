"""A login by keyboard-interactive alone, and one NETCONF channel; answers with what was asked and whether it got in."""

import socket

import paramiko

from common import answer, task


def main():
    given = task()
    asked = []

    def respond(title, instructions, prompts):
        asked.append([[text, echo] for text, echo in prompts])
        return [given["password"]] * given.get("responses", len(prompts))

    transport = paramiko.Transport(socket.create_connection((given["host"], given["port"]), given["timeout"]))
    transport.start_client(timeout=given["timeout"])
    try:
        transport.auth_interactive(given["user"], respond)
        channel = transport.open_session(timeout=given["timeout"])
        channel.invoke_subsystem("netconf")
        answer({"loggedIn": True, "asked": asked})
    except paramiko.SSHException as error:
        answer({"loggedIn": False, "asked": asked, "error": type(error).__name__})
    transport.close()


main()
