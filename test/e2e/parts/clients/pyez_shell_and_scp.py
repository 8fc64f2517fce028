"""PyEZ's two ways beside NETCONF, each an SSH connection of its own: StartShell and SCP."""

import os

from jnpr.junos import Device
from jnpr.junos.utils.scp import SCP
from jnpr.junos.utils.start_shell import StartShell

from common import answer, task


class ReachedDevice(Device):
    # StartShell dials port 22, unless this is `localhost`.
    hostname = property(lambda self: self._hostname)


def device_of(given):
    """A device that is not opened: neither way needs its NETCONF session."""
    device = ReachedDevice(
        host=given["host"], port=given["port"], user=given["user"], passwd=given["password"], ssh_config=os.devnull
    )
    device._auth_user, device._auth_password = given["user"], given["password"]
    return device


def copy_there_and_back(device, directory):
    local, there, back = (os.path.join(directory, f"pyez {name}") for name in ("local", "there", "back"))
    with open(local, "w") as file:
        file.write("copied twice")
    with SCP(device) as scp:
        scp.put(local, there)
        scp.get(there, back)
    with open(back) as file:
        return file.read()


if __name__ == "__main__":
    given = task()
    device = device_of(given)
    with StartShell(device) as shell:
        ok, output = shell.run("echo from the $0 | sed 's/-sh/shell/'")
    answer(
        {
            "ok": ok,
            "output": output.splitlines()[1],
            "copied": copy_there_and_back(device, given["directory"]),
        }
    )
