"""`make check` runs the tests beside what was changed."""

from __future__ import annotations

from scripts import changed_tests

FILES = {
    "tests/backends": [
        "tests/backends/test_sse.py",
        "tests/backends/test_openai.py",
        "tests/backends/test_openai_chat.py",
    ],
    "tests/backends/local": ["tests/backends/local/test_soak.py", "tests/backends/local/test_grammar.py"],
}


def beside(*changed: str) -> list[str]:
    known = {file for files in FILES.values() for file in files}
    found = changed_tests.paths_beside(changed, known.__contains__, lambda folder: FILES.get(folder, []))
    return [name for name in found if name != "tests/test_repository.py"]


def test_a_module_has_the_tests_of_its_name():
    assert beside("backends/sse.py") == ["tests/backends/test_sse.py"]
    assert beside("backends/openai.py") == ["tests/backends/test_openai.py", "tests/backends/test_openai_chat.py"]


def test_without_tests_of_its_name_it_has_those_of_its_folder():
    assert beside("backends/local/queue.py") == sorted(FILES["tests/backends/local"])
    assert beside("backends/local/deep/down.py") == sorted(FILES["tests/backends/local"])


def test_the_tests_of_a_whole_package_are_left_to_make_test():
    assert beside("backends/_loop.py", "run.py", "docs/WEB.md", "elsewhere/x.py") == []


def test_a_changed_test_runs_and_a_removed_one_does_not():
    assert beside("tests/backends/test_sse.py", "tests/backends/test_gone.py", "tests/support/x.py") == [
        "tests/backends/test_sse.py"
    ]


def test_the_repository_is_always_looked_at():
    assert changed_tests.paths_beside([], lambda name: True, lambda folder: []) == ["tests/test_repository.py"]
