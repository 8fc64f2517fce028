"""A device on asyncssh that calls home, echoes what comes on its subsystem netconf, and exchanges keys anew after every few octets."""

import asyncio
import json
import sys
import warnings

warnings.simplefilter("ignore")

import asyncssh  # noqa: E402


class Server(asyncssh.SSHServer):
    def begin_auth(self, username):
        return True

    def password_auth_supported(self):
        return True

    def validate_password(self, username, password):
        return True


async def echo(process):
    try:
        while data := await process.stdin.read(65536):
            process.stdout.write(data)
            await process.stdout.drain()
    finally:
        process.exit(0)


async def main():
    given = json.loads(sys.argv[1])
    exchanges = 0
    send_newkeys = asyncssh.connection.SSHConnection.send_newkeys

    def counted(self, k, h):
        nonlocal exchanges
        exchanges += 1
        print("exchange", exchanges, flush=True)
        return send_newkeys(self, k, h)

    asyncssh.connection.SSHConnection.send_newkeys = counted
    connection = await asyncssh.connect_reverse(
        given["host"],
        given["port"],
        config=None,
        server_factory=Server,
        server_host_keys=[given["hostKey"]],
        process_factory=echo,
        encoding=None,
        rekey_bytes=given["rekeyBytes"],
    )
    await connection.wait_closed()


asyncio.run(main())
