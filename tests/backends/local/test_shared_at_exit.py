"""A program that ends with a stream still open ends: nothing is started that would be waited for without end."""

import os
import subprocess
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[3]
PROGRAM = """
import sys
from backends.local.shared import SharedModels

models = SharedModels()
held = models.open("model", object, lambda value: None)

class LeavesLate:
    # Collected with the modules, when the interpreter is finalizing, as a forgotten stream is.
    def __init__(self):
        self.use = held.use()
        self.use.__enter__()
    def __del__(self):
        self.use.__exit__(None, None, None)

sys.modules["kept"] = LeavesLate()
print("used", flush=True)
"""


def test_a_use_that_ends_while_the_program_ends_does_not_hold_it_up():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(HOME)},
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "used\n", "")
