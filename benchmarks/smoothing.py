"""How strict the check of smoothed prose is: ``python -m benchmarks.smoothing``. A row for each kind of rewrite.

``tests/data/rewrites.jsonl`` holds what a person said, a rewrite, its kind, and whether the rewrite may
stand for the words. Bad rewrites that pass are faults; good ones that are refused cost the person an edit.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

from mediator.draft.smoothing import added_facts

__all__ = ["REWRITES", "main", "measured"]

REWRITES = Path(__file__).resolve().parent.parent / "tests" / "data" / "rewrites.jsonl"


def measured() -> dict[str, tuple[bool, list[dict[str, str]], list[dict[str, str]]]]:
    """For each kind: whether it may stand, the rewrites that were judged rightly, and the others."""
    found: dict[str, tuple[bool, list[dict[str, str]], list[dict[str, str]]]] = {}
    kinds: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in REWRITES.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        kinds[row["kind"]].append(row)
    for kind, rows in kinds.items():
        good = kind.startswith("good:")
        right = [row for row in rows if (not added_facts(row["said"], row["prose"])) == good]
        found[kind] = (good, right, [row for row in rows if row not in right])
    return found


def main() -> int:
    """Print the table, and every rewrite that was judged wrongly."""
    print("| rewrite | should be | judged so | of |\n| --- | --- | --- | --- |")
    results = measured()
    for kind, (good, right, wrong) in results.items():
        print(f"| {kind.partition(': ')[2]} | {'accepted' if good else 'refused'} | {len(right)} | "
              f"{len(right) + len(wrong)} |")  # fmt: skip
    for kind, (_, _, wrong) in results.items():
        for row in wrong:
            reasons = "; ".join(added_facts(row["said"], row["prose"])) or "accepted"
            print(f"{kind}: {row['said']!r} -> {row['prose']!r}: {reasons}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
