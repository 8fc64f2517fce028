"""netmiko at a command line: it finds the prompt, runs a command, and reads what came."""

from netmiko import ConnectHandler

from common import answer, task

given = task()
with ConnectHandler(
    device_type="linux",
    host=given["host"],
    port=given["port"],
    username=given["user"],
    password=given["password"],
    timeout=given["timeout"],
) as connection:
    answer({"prompt": connection.base_prompt, "output": connection.send_command("echo netmiko $((6*7))")})
