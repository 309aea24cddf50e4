"""The engine: many at once give what one at a time gives, memory is bounded, failures pass."""

import time
from collections.abc import Iterator

import numpy as np
import pytest

from backends.exceptions import BackendError, BackendTimeoutError, InvalidRequestError, ProviderUnavailableError
from backends.local.jobs import Generation, Outcome, Scoring, Ticket
from backends.local.llama_context import ContextSettings, DecodeFailed, LlamaContext
from backends.local.llama_engine import LlamaEngine
from backends.local.llama_model import LlamaModel
from backends.local.packaged_models import packaged_gguf
from backends.local.sampling import Sampling

GREEDY = Sampling(temperature=0)
SYSTEM = (
    "<|im_start|>system\nYou are the assistant of a legal aid office. Read what the person says, name what happened, "
    "who did it and when, and answer in one short sentence. Never give advice that was not asked for.<|im_end|>\n"
)
STORIES = [
    f"My {who} {what} on the {day} of May and would not {why}."
    for who in ("landlord", "boss", "bank", "neighbour", "doctor")
    for what in ("kept my deposit", "raised my rent")
    for day, why in ((3, "talk"), (9, "say why"), (14, "listen"), (21, "write it down"), (30, "give it back"))
]


@pytest.fixture(scope="module")
def model() -> Iterator[LlamaModel]:
    loaded = LlamaModel(packaged_gguf())
    yield loaded
    loaded.close()


def engine_of(model: LlamaModel, cells: int = 2048, parallel: int = 16, n_batch: int = 256) -> LlamaEngine:
    return LlamaEngine(model, ContextSettings(cells, parallel + 8, n_batch, n_threads=1), parallel)


@pytest.fixture
def engine(model: LlamaModel) -> Iterator[LlamaEngine]:
    made = engine_of(model)
    yield made
    made.close()


def prompt(model: LlamaModel, text: str) -> tuple[int, ...]:
    chat = f"{SYSTEM}<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"
    return tuple(model.tokenize(chat, special=True))


def submit(engine: LlamaEngine, job: Generation | Scoring) -> Ticket:
    ticket = Ticket(job)
    engine.submit(ticket)
    return ticket


def one_at_a_time(model: LlamaModel, prompts: list[tuple[int, ...]], max_tokens: int) -> list[str]:
    """The plain way: a context of one sequence, cleared for each prompt, and an argmax."""
    context = LlamaContext(model, ContextSettings(2048, 1, 512, n_threads=1))
    texts = []
    for tokens in prompts:
        context.clear()
        generated: list[int] = []
        pending, start = list(tokens), 0
        while len(generated) < max_tokens:
            context.start_batch()
            last = context.add(0, start, pending, True)
            context.decode()
            start += len(pending)
            token = int(context.logits(last).argmax())
            if token in model.end_tokens:
                break
            generated.append(token)
            pending = [token]
        texts.append(model.text(generated))
    context.close()
    return texts


def test_eight_together_equal_eight_alone(model: LlamaModel, engine: LlamaEngine) -> None:
    prompts = [prompt(model, story) for story in STORIES[:8]]
    tickets = [submit(engine, Generation(tokens, 10, GREEDY)) for tokens in prompts]
    assert [ticket.result().text for ticket in tickets] == one_at_a_time(model, prompts, 10)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_fifty_together_equal_fifty_alone(model: LlamaModel, engine: LlamaEngine) -> None:
    """To the letter: the logits are the same to the bit, so that there are no ties to explain away."""
    prompts = [prompt(model, story * (1 + number % 5)) for number, story in enumerate(STORIES)]
    tickets = [submit(engine, Generation(tokens, 40, GREEDY)) for tokens in prompts]
    assert len(prompts) == 50
    assert [ticket.result().text for ticket in tickets] == one_at_a_time(model, prompts, 40)


def test_logits_are_the_same_to_the_bit_in_any_company(model: LlamaModel) -> None:
    tokens = prompt(model, STORIES[0] * 3)
    alone = LlamaContext(model, ContextSettings(512, 1, 512, n_threads=1))
    alone.start_batch()
    expected = alone.logits(decoded(alone, 0, 0, tokens)).copy()
    alone.close()
    crowded = LlamaContext(model, ContextSettings(1024, 4, 256, n_threads=1))
    crowded.start_batch()
    decoded(crowded, 1, 0, tokens[:70])
    half = len(tokens) // 2
    crowded.start_batch()
    decoded(crowded, 2, 0, tokens[:half])
    crowded.start_batch()
    crowded.add(1, 70, tokens[70:90], True)
    found = crowded.logits(decoded(crowded, 2, half, tokens[half:])).copy()
    crowded.close()
    assert np.array_equal(found, expected)


def decoded(context: LlamaContext, sequence: int, start: int, tokens: tuple[int, ...]) -> int:
    last = context.add(sequence, start, tokens, True)
    context.decode()
    return last


def test_a_shared_beginning_is_evaluated_once(model: LlamaModel, engine: LlamaEngine) -> None:
    prompts = [prompt(model, story) for story in STORIES[:8]]
    shared = len(model.tokenize(SYSTEM, special=True))
    for ticket in [submit(engine, Generation(tokens, 2, GREEDY)) for tokens in prompts]:
        ticket.result()
    stats = engine.stats()
    assert stats.prompt_tokens < sum(map(len, prompts)) - 7 * shared + 1
    assert stats.reused_tokens >= 7 * shared
    assert stats.prompt_tokens + stats.reused_tokens == sum(map(len, prompts))


def test_a_later_prompt_reuses_what_an_earlier_one_evaluated(model: LlamaModel, engine: LlamaEngine) -> None:
    tokens = prompt(model, STORIES[0])
    first = submit(engine, Generation(tokens, 4, GREEDY)).result()
    again = submit(engine, Generation(tokens, 4, GREEDY)).result()
    assert again.text == first.text
    assert (first.reused_tokens, again.reused_tokens) == (0, len(tokens) - 1)


@pytest.mark.slow
def test_short_memory_makes_sequences_wait_not_fail(model: LlamaModel) -> None:
    prompts = [tuple(model.tokenize(f"{number}: {STORIES[number]}", special=False)) for number in range(8)]
    engine = engine_of(model, cells=128)
    tickets = [submit(engine, Generation(tokens, 40, GREEDY)) for tokens in prompts]
    found = [ticket.result().text for ticket in tickets]
    engine.close()
    assert found == one_at_a_time(model, prompts, 40)


@pytest.mark.slow
def test_sequences_that_outgrow_memory_start_over_and_end_alike(model: LlamaModel) -> None:
    prompts = [tuple(model.tokenize(f"{number} {number} {number}", special=False)) for number in range(4)]
    engine = engine_of(model, cells=160)
    tickets = [submit(engine, Generation(tokens, 120, GREEDY)) for tokens in prompts]
    found = [ticket.result() for ticket in tickets]
    restarts = engine.stats().restarts
    engine.close()
    assert restarts > 0
    assert [outcome.text for outcome in found] == one_at_a_time(model, prompts, 120)


@pytest.mark.slow
def test_a_thousand_prompts_at_once_are_all_answered(model: LlamaModel, engine: LlamaEngine) -> None:
    tickets = [submit(engine, Generation((1, 100 + n), 1, GREEDY)) for n in range(1_000)]
    assert sum(ticket.result().completion_tokens for ticket in tickets) == 1_000


def test_each_sequence_has_its_own_way_of_drawing(model: LlamaModel, engine: LlamaEngine) -> None:
    tokens = prompt(model, STORIES[1])
    jobs = [
        Generation(tokens, 12, GREEDY),
        Generation(tokens, 12, Sampling(temperature=1.5, seed=3)),
        Generation(tokens, 12, Sampling(temperature=1.5, seed=3)),
        Generation(tokens, 12, Sampling(temperature=1.5, seed=4)),
        Generation(tokens, 12, GREEDY, stop=("e",)),
        Generation(tokens, 12, GREEDY, grammar='root ::= "yes" | "no"'),
        Generation(tokens, 12, Sampling(temperature=0, repeat_penalty=1.3, presence_penalty=1.0)),
    ]
    found = [ticket.result().text for ticket in [submit(engine, job) for job in jobs]]
    assert found[1] == found[2] != found[3]
    assert found[4] == found[0][: found[0].index("e")]
    assert found[5] in ("yes", "no")


def test_a_stream_gives_tokens_while_others_run(model: LlamaModel, engine: LlamaEngine) -> None:
    long = submit(engine, Generation(prompt(model, STORIES[2]), 400, GREEDY, streaming=True))
    pieces = long.items()
    next(pieces)
    short = submit(engine, Generation(prompt(model, STORIES[3]), 3, GREEDY)).result()
    assert short.completion_tokens <= 3
    assert isinstance(next(pieces), str)
    pieces.close()


def test_a_cancelled_job_makes_room(model: LlamaModel) -> None:
    engine = engine_of(model, parallel=1)
    first = submit(engine, Generation(prompt(model, STORIES[4]), 1_500, GREEDY))
    second = submit(engine, Generation(prompt(model, STORIES[5]), 3, GREEDY))
    first.cancel()
    assert second.result().completion_tokens <= 3
    engine.close()


def test_a_deadline_passes_while_waiting(model: LlamaModel) -> None:
    engine = engine_of(model, parallel=1)
    running = submit(engine, Generation(prompt(model, STORIES[6]), 1_500, GREEDY))
    waiting = submit(engine, Generation(prompt(model, STORIES[7]), 3, GREEDY, deadline=time.monotonic() + 0.1))
    with pytest.raises(BackendTimeoutError):
        waiting.result()
    running.cancel()
    assert submit(engine, Generation(prompt(model, STORIES[8]), 3, GREEDY)).result().text
    engine.close()


def test_a_failed_decode_fails_its_batch_and_the_next_works(
    model: LlamaModel, engine: LlamaEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """llama.cpp cannot be made to fail on request, so the one call is replaced."""
    good = submit(engine, Generation(prompt(model, STORIES[9]), 8, GREEDY)).result()
    with monkeypatch.context() as patched:
        patched.setattr(engine._context, "decode", failing_decode)
        failed = submit(engine, Generation(prompt(model, STORIES[9]), 8, GREEDY))
        with pytest.raises(ProviderUnavailableError, match="llama_decode returned -3"):
            failed.result()
    assert submit(engine, Generation(prompt(model, STORIES[9]), 8, GREEDY)).result().text == good.text


def failing_decode() -> None:
    raise DecodeFailed("llama_decode returned -3: it gave no reason")


def test_a_grammar_that_llama_cpp_refuses_fails_that_job_alone(model: LlamaModel, engine: LlamaEngine) -> None:
    bad = submit(engine, Generation(prompt(model, STORIES[0]), 4, GREEDY, grammar="root ::= nothing-here"))
    with pytest.raises(InvalidRequestError, match="grammar"):
        bad.result()
    assert submit(engine, Generation(prompt(model, STORIES[0]), 4, GREEDY)).result().text


def test_a_grammar_that_leads_nowhere_fails_that_job_alone(model: LlamaModel, engine: LlamaEngine) -> None:
    """A byte that no token of the vocabulary begins with: the grammar admits nothing, and llama.cpp would abort."""
    nowhere = submit(
        engine, Generation(prompt(model, STORIES[0]), 4, GREEDY, grammar='root ::= "a" [^\\x00-\U0010ffff]')
    )
    with pytest.raises(InvalidRequestError, match="admits no token"):
        nowhere.result()
    assert submit(engine, Generation(prompt(model, STORIES[0]), 4, GREEDY)).result().text


def test_a_job_without_a_token_is_refused_and_disturbs_nobody(model: LlamaModel, engine: LlamaEngine) -> None:
    running = submit(engine, Generation(prompt(model, STORIES[0]), 8, GREEDY))
    with pytest.raises(InvalidRequestError, match="no token"):
        submit(engine, Generation((), 4, GREEDY)).result()
    assert running.result().text


def test_closing_ends_what_waits_with_an_error(model: LlamaModel) -> None:
    engine = engine_of(model, parallel=1)
    tickets = [submit(engine, Generation(prompt(model, story), 1_000, GREEDY)) for story in STORIES[:3]]
    engine.close()
    engine.close()
    late = submit(engine, Generation((1, 2, 3), 1, GREEDY))
    for ticket in [*tickets, late]:
        with pytest.raises(BackendError, match="closed"):
            ticket.result()


def test_scores_do_not_depend_on_company_or_memory(model: LlamaModel, engine: LlamaEngine) -> None:
    tokens = prompt(model, STORIES[0])
    answers = [
        tuple(model.tokenize(text, special=False)) for text in ("The landlord", "A bank", "The landlord kept it")
    ]
    jobs = [Scoring((*tokens, *answer), len(tokens)) for answer in answers]
    together = [ticket.result().log_likelihood for ticket in [submit(engine, job) for job in jobs]]
    again = [submit(engine, job).result().log_likelihood for job in jobs]
    assert together == again
    assert together[2] < together[0] < 0


def test_a_score_is_the_sum_of_the_log_softmax(model: LlamaModel, engine: LlamaEngine) -> None:
    tokens, answer = prompt(model, STORIES[0]), tuple(model.tokenize("The landlord", special=False))
    context = LlamaContext(model, ContextSettings(512, 1, 512, n_threads=1))
    context.start_batch()
    last = context.add(0, 0, [*tokens, *answer], [True] * (len(tokens) + len(answer)))
    context.decode()
    expected = 0.0
    for offset, token in enumerate(answer):
        logits = context.logits(last - len(answer) + offset).astype(np.float64)
        expected += logits[token] - np.log(np.exp(logits - logits.max()).sum()) - logits.max()
    context.close()
    found = submit(engine, Scoring((*tokens, *answer), len(tokens))).result()
    assert isinstance(found, Outcome)
    assert found.log_likelihood == pytest.approx(expected, abs=1e-9)
