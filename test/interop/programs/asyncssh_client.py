"""A client on asyncssh that sends to a device that echoes."""

import asyncio
import warnings

warnings.simplefilter("ignore")

import asyncssh  # noqa: E402

from common import compare, pattern, task, tell  # noqa: E402


class Client(asyncssh.SSHClient):
    def kbdint_auth_requested(self):
        return "" if task["method"] == "keyboard-interactive" else None

    def kbdint_challenge_received(self, name, instructions, lang, prompts):
        return [task["password"]] * len(prompts)


def proof():
    method = task["method"]
    if method == "password":
        return {"password": task["password"], "preferred_auth": "password", "client_keys": None}
    if method == "keyboard-interactive":
        return {"preferred_auth": "keyboard-interactive", "client_keys": None}
    if method == "agent":
        return {"agent_path": task["agent"], "preferred_auth": "publickey"}
    keys = [(task["keyFile"], task["certificateFile"])] if task["certificateFile"] else [task["keyFile"]]
    return {"client_keys": keys, "agent_path": None, "preferred_auth": "publickey"}


async def echo(process, size, seed=0):
    sent = pattern(size, seed)

    async def write():
        for at in range(0, size, 32768):
            process.stdin.write(sent[at : at + 32768])
            await process.stdin.drain()

    _, heard = await asyncio.gather(write(), process.stdout.readexactly(size))
    compare(heard, sent)


async def main():
    more = {"rekey_bytes": task["rekey"]} if task["rekey"] else {}
    async with asyncssh.connect(
        task["host"],
        task["port"],
        username=task["user"],
        known_hosts=None,
        config=None,
        client_factory=Client,
        **proof(),
        **more,
    ) as connection:
        processes = [await connection.create_process(subsystem="netconf", encoding=None) for _ in range(task["channels"])]
        await asyncio.gather(*(echo(process, task["bytes"], seed) for seed, process in enumerate(processes)))
        if task["idle"]:
            await asyncio.sleep(task["idle"] / 1000)
            await asyncio.gather(*(echo(process, 1000) for process in processes))
        tell("echoed")
        if task["hold"]:
            await asyncio.sleep(600)
        for process in processes:
            process.stdin.write_eof()
        statuses = [(await process.wait()).exit_status for process in processes]
    tell("statuses", statuses)


asyncio.run(main())
