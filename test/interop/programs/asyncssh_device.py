"""A server on asyncssh: echoes on its subsystem netconf, and ends that with an exit status."""

import asyncio
import json
import sys
import warnings

warnings.simplefilter("ignore")

import asyncssh  # noqa: E402

given = json.loads(sys.argv[1])


class Server(asyncssh.SSHServer):
    def connection_made(self, connection):
        self.connection = connection

    def begin_auth(self, username):
        self.username = username
        if username in ("key", "certificate"):
            self.connection.set_authorized_keys(given["authorizedKeysFile"])
        return True

    def password_auth_supported(self):
        return self.username == "password"

    def validate_password(self, username, password):
        return username == "password" and password == given["password"]

    def kbdint_auth_supported(self):
        return self.username == "typed"

    def get_kbdint_challenge(self, username, lang, submethods):
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username, responses):
        return list(responses) == [given["password"]]


async def echo(process):
    try:
        while data := await process.stdin.read(65536):
            process.stdout.write(data)
            await process.stdout.drain()
    except (OSError, asyncssh.Error):
        return
    process.stdout.write_eof()
    process.exit(given["status"])


async def main():
    ports = {}
    for name, more in (("usual", {}), ("rekey", {"rekey_bytes": given["rekey"]})):
        listener = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Server,
            server_host_keys=given["hostKeys"],
            process_factory=echo,
            encoding=None,
            **more,
        )
        ports[name] = listener.sockets[0].getsockname()[1]
    print("ports", json.dumps(ports), flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
