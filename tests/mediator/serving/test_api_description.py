"""The API is what its description says: schemathesis makes requests from it, right and wrong ones, bounded."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mediator.serving.conftest import LOGIN, served

#: Event streams have no end to wait for; forms with files are tried in test_files.py.
SKIPPED = r"/events$|^/api/v1/cases/\{case_id\}/evidence$"


@pytest.mark.slow
def test_every_answer_is_one_that_the_description_tells(tmp_path):
    with served(tmp_path / "s", replace(LOGIN, always_login=False)) as site:
        case = site.case("ana")
        # With a case and a file that are there, requests get past the first 404.
        (tmp_path / "schemathesis.toml").write_text(
            f'[parameters]\n"path.case_id" = "{case.id}"\n"path.cid" = "{case.evidence()[0].cid}"\n'
        )
        token = site.accounts.add_token("fuzz", "ana", ("cases",))[1]
        done = subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"), "run", f"{site.url}/api/v1/openapi.json",
                "--header", f"Authorization: Bearer {token}", "--exclude-path-regex", SKIPPED,
                "--phases", "examples,fuzzing", "--max-examples", "8", "--seed", "7", "--workers", "1",
                "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
                "response_schema_conformance", "--request-timeout", "60", "--generation-deterministic",
            ],
            capture_output=True, text=True, check=False, timeout=280, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
