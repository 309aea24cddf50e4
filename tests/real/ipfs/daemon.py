"""Starts a js-ipfs daemon on loopback, with no network, in a directory of its own."""

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
PROGRAM = HERE / "node_modules" / ".bin" / "jsipfs"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """One daemon. It can be stopped and started again with what it has."""

    def __init__(self, path):
        self.path = path
        self.port = free_port()
        self.address = f"/ip4/127.0.0.1/tcp/{self.port}"
        self._process = None
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(path),
            "IPFS_PATH": str(path / "repo"),
            "NODE_OPTIONS": f"--require {HERE / 'polyfill.cjs'}",
        }
        self._run("init", "--profile", "test", "--empty-repo")
        config = path / "repo" / "config"
        settings = json.loads(config.read_text())
        settings["Addresses"] |= {"API": self.address, "RPC": "/ip4/127.0.0.1/tcp/0/ws", "Gateway": "", "Swarm": []}
        settings["Bootstrap"] = []
        config.write_text(json.dumps(settings))

    def start(self):
        self._process = subprocess.Popen(
            [PROGRAM, "daemon", "--offline"],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        said = []
        for line in self._process.stdout:
            said.append(line)
            if "Daemon is ready" in line:
                return self
        raise RuntimeError(f"the daemon ended with {self._process.wait()} before it was ready:\n{''.join(said)}")

    def stop(self):
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process.stdout.close()
            self._process = None
            shutil.rmtree(self.path / "repo" / "repo.lock", ignore_errors=True)
            (self.path / "repo" / "api").unlink(missing_ok=True)

    def _run(self, *arguments):
        subprocess.run(
            [PROGRAM, *arguments], env=self._environment, check=True, capture_output=True, stdin=subprocess.DEVNULL
        )
