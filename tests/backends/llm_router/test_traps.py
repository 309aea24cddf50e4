"""Where the historical routers promised more than they did, and the tests that hold ours to it.

The table is the way in for whoever asks "is that trap still closed?"; the test keeps the table true.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent.parent
_HERE = "backends/llm_router/"

#: The trap -> file and name of each test that would fail on the original behaviour.
TRAPS: dict[str, tuple[tuple[str, str], ...]] = {
    "documented calls and settings did not exist": (
        (_HERE + "test_documents.py", "test_an_example_of_the_documents_runs"),
        ("backends/test_llm_router_backend.py", "test_the_batch_of_the_documents"),
        ("backends/test_llm_router_backend.py", "test_the_fallback_chain_of_the_documents"),
        ("backends/test_llm_router_backend.py", "test_errors_can_be_told_apart_as_the_documents_show"),
    ),
    "prompts were pasted into a shell template": (
        (_HERE + "programs/test_commands.py", "test_a_prompt_is_exactly_one_argument"),
        (_HERE + "programs/test_commands.py", "test_a_prompt_never_becomes_an_option"),
        (_HERE + "programs/test_commands.py", "test_any_prompt_is_one_argument_that_begins_no_option"),
    ),
    "retries matched words of messages": (
        ("backends/test_retries.py", "test_a_message_that_sounds_transient_is_not_retried_when_the_type_is_final"),
        ("backends/test_retries.py", "test_what_may_pass_by_itself_is_retried"),
        (_HERE + "programs/test_failures.py", "test_a_word_in_a_message_decides_nothing"),
    ),
    "any failure was retried with another model, silently": (
        (_HERE + "test_chain.py", "test_a_named_provider_never_changes_the_model"),
        (_HERE + "test_chain.py", "test_a_named_provider_falls_back_to_nobody_by_itself"),
    ),
    "a missing key was an unknown provider": (
        (_HERE + "test_resolution.py", "test_a_missing_key_is_reported_as_a_missing_key"),
    ),
    "the cache ignored who answers": (
        (_HERE + "test_deps.py", "test_two_provider_instances_never_share_an_answer"),
        (_HERE + "test_cache_key.py", "test_an_entry_never_crosses_what_shapes_the_answer"),
    ),
    "clearing cleared nothing": ((_HERE + "test_documents.py", "test_clearing_clears"),),
    "keys had 64 bits": ((_HERE + "test_cache_key.py", "test_a_sha256_key_is_the_whole_hash"),),
    "cid keys were no CIDs": ((_HERE + "test_cache_key.py", "test_a_cid_key_is_a_cid"),),
    "names knew case in one place and not in another": (
        (_HERE + "test_aliases.py", "test_names_do_not_know_case_dashes_or_outer_blanks"),
    ),
    "available meant that npx existed": (
        (_HERE + "programs/test_failures.py", "test_npx_alone_makes_nothing_available"),
        (_HERE + "test_resolution.py", "test_who_is_not_there_is_not_asked"),
    ),
    "providers that could not work": (
        (_HERE + "test_aliases.py", "test_every_built_in_provider_has_its_file_and_its_declared_name"),
    ),
    "the load-balancing setting was ignored": (
        (_HERE + "test_distributed.py", "test_the_balancing_setting_is_heeded_and_an_unknown_one_refused"),
    ),
    "unmeasured endpoints were never tried, or always the first": (
        (_HERE + "test_backend_manager.py", "test_every_strategy_tries_every_unmeasured_endpoint"),
        (_HERE + "test_backend_manager.py", "test_least_loaded_spreads_equals_and_does_not_always_take_the_first"),
    ),
    "IPFS_KIT_* was documented and not read": ((_HERE + "test_settings.py", "test_every_prefix_is_read"),),
    "peers had no wire protocol": (
        (_HERE + "test_distributed.py", "test_the_seam_of_old_is_kept"),
        (_HERE + "test_peers.py", "test_a_peer_answers_and_is_named"),
    ),
    "the Codex trace was written on failure only": (
        (_HERE + "test_tracing.py", "test_success_and_failure_are_both_recorded"),
        ("real/cli/test_codex_cli.py", "test_its_events_go_into_the_trace_file_whether_it_succeeds_or_fails"),
    ),
    "the record held the whole prompt": (
        (_HERE + "test_tracing.py", "test_a_record_holds_sizes_cids_timing_and_tokens_and_no_text"),
        ("real/cli/test_every_program.py", "test_a_record_of_every_call_is_small_and_holds_no_text"),
    ),
    "an unknown provider was a 500": (
        (_HERE + "test_server.py", "test_an_unknown_provider_is_404_with_the_near_miss"),
    ),
    "max_tokens=-5 was accepted": ((_HERE + "test_server.py", "test_bad_values_are_422_and_named"),),
    "health was well with nothing installed": (
        (_HERE + "test_server.py", "test_health_is_503_when_nobody_could_answer"),
    ),
    "generation blocked the event loop": ((_HERE + "test_server.py", "test_the_event_loop_is_never_blocked"),),
    "output cleaning took what stood between < and >": (
        ("real/cli/test_every_program.py", "test_an_answer_keeps_its_every_character"),
    ),
    "an explicit 0 became the default": ((_HERE + "test_chain.py", "test_an_explicit_zero_stays_zero"),),
}


@pytest.mark.parametrize("trap", TRAPS)
def test_a_trap_has_its_tests(trap: str) -> None:
    there = {(file, name) for file in {file for file, _ in TRAPS[trap]} for name in _tests_of(TESTS / file)}

    assert set(TRAPS[trap]) <= there


def _tests_of(file: Path) -> list[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
