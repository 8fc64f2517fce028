"""Messages to a device that echoes, on one asyncssh connection that exchanges keys anew after every few octets; answers with how many came back and how many key exchanges there were."""

import asyncio
import warnings

warnings.simplefilter("ignore")

import asyncssh  # noqa: E402

from common import answer, task  # noqa: E402


async def main():
    given = task()
    exchanges = 0
    send_newkeys = asyncssh.connection.SSHConnection.send_newkeys

    def counted(self, k, h):
        nonlocal exchanges
        exchanges += 1
        return send_newkeys(self, k, h)

    asyncssh.connection.SSHConnection.send_newkeys = counted
    async with asyncssh.connect(
        given["host"],
        given["port"],
        username=given["user"],
        password=given["password"],
        known_hosts=None,
        client_keys=None,
        config=None,
        rekey_bytes=given["rekeyBytes"],
    ) as connection:
        process = await connection.create_process(subsystem="netconf", encoding=None)
        echoes = 0
        for number in range(given["messages"]):
            message = f"message {number} ".encode().ljust(1000, b".")
            process.stdin.write(message)
            echoes += await process.stdout.readexactly(len(message)) == message
        process.stdin.write_eof()
    answer({"echoes": echoes, "exchanges": exchanges})


asyncio.run(main())
