"""A file there and back by PyEZ's SCP; pyez_shell_and_scp.py does the same and more."""

from common import answer, task
from pyez_shell_and_scp import copy_there_and_back, device_of

if __name__ == "__main__":
    given = task()
    answer({"copied": copy_there_and_back(device_of(given), given["directory"])})
