"""`run.py evidence …`: results on standard output, everything else on standard error.

Exit codes: 0 done; 1 failed, or `verify` found faults; 2 wrong use.
"""

from __future__ import annotations

import click

from mediator.evidence.cli.adding import add, import_, init
from mediator.evidence.cli.common import EvidenceGroup
from mediator.evidence.cli.finding import export, get, list_, publish, show
from mediator.evidence.cli.keeping import gc, hold, release, remove, repair, rotate_key, stat, unpin, verify
from mediator.evidence.cli.stamping import timestamp

__all__ = ["evidence"]


@click.group(cls=EvidenceGroup)
def evidence() -> None:
    """Keep evidence, named by what it contains (its CID), and prove that it was not changed."""


_TAKING_IN = (init, add, import_)
_GIVING_BACK = (get, list_, show, export, publish)
_LOOKING_AFTER = (verify, repair, timestamp, gc, hold, release, remove, unpin, rotate_key, stat)
for _command in (*_TAKING_IN, *_GIVING_BACK, *_LOOKING_AFTER):
    evidence.add_command(_command)
