"""Libraries that hold a transformers model to a JSON Schema, on the embedded model's vocabulary.

python -m benchmarks.constrained      (for the others: pip install xgrammar outlines-core)

A line a library: making the vocabulary and the grammar, then the mean and the longest step (mask and token) over one
document; below it, which schemas that it cannot hold it takes without a word.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

SCHEMA = {
    "type": "object",
    "properties": {
        "claims": {
            "type": "array",
            "maxItems": 8,
            "items": {
                "type": "object",
                "properties": {
                    "kind": {"enum": ["discrimination", "retaliation", "wages", "harassment"]},
                    "quote": {"type": "string", "maxLength": 300},
                    "start": {"type": "integer", "minimum": 0},
                    "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                },
                "required": ["kind", "quote", "start", "when"],
                "additionalProperties": False,
            },
        },
        "summary": {"type": "string", "maxLength": 500},
    },
    "required": ["claims", "summary"],
    "additionalProperties": False,
}
CLAIM = {"kind": "retaliation", "quote": "They cut my hours the day after.", "start": 12, "when": "2024-05-06"}
DOCUMENT = {"claims": [CLAIM, CLAIM], "summary": "Hours were cut after a complaint."}
CANNOT = [{"type": "array", "uniqueItems": True}, {"not": {"type": "string"}}, {"type": "string", "format": "colour"}]

Step = Callable[[int], bool]


def llguidance(tokenizer: Any, size: int) -> tuple[float, Callable[[Any], Step]]:
    from llguidance import LLMatcher
    from llguidance import numpy as masks

    from backends.local.transformers_json import constraint_vocabulary, schema_grammar

    started = time.perf_counter()
    vocabulary = constraint_vocabulary(tokenizer, size, [tokenizer.eos_token_id])
    seconds = time.perf_counter() - started

    def prepare(schema: Any) -> Step:
        matcher = LLMatcher(vocabulary, schema_grammar(schema, "benchmark"))
        bits = masks.allocate_token_bitmask(1, size)

        def step(token: int) -> bool:
            masks.fill_next_token_bitmask(matcher, bits)
            return bool(matcher.consume_token(token))

        return step

    return seconds, prepare


def xgrammar(tokenizer: Any, size: int) -> tuple[float, Callable[[Any], Step]]:
    import xgrammar as library

    started = time.perf_counter()
    info = library.TokenizerInfo.from_huggingface(tokenizer, vocab_size=size)
    seconds = time.perf_counter() - started

    def prepare(schema: Any) -> Step:
        compiler = library.GrammarCompiler(info, cache_enabled=False)
        matcher = library.GrammarMatcher(compiler.compile_json_schema(json.dumps(schema), any_whitespace=False))
        bits = library.allocate_token_bitmask(1, size)

        def step(token: int) -> bool:
            matcher.fill_next_token_bitmask(bits)
            return bool(matcher.accept_token(token))

        return step

    return seconds, prepare


def outlines_core(tokenizer: Any, size: int) -> tuple[float, Callable[[Any], Step]]:
    import outlines_core as library
    from outlines_core.json_schema import build_regex_from_schema

    started = time.perf_counter()
    words: dict[str, list[int]] = {}
    for word, place in tokenizer.get_vocab().items():
        if place != tokenizer.eos_token_id:
            words.setdefault(tokenizer.convert_tokens_to_string([word]), []).append(place)
    vocabulary = library.Vocabulary(tokenizer.eos_token_id, words)
    seconds = time.perf_counter() - started

    def prepare(schema: Any) -> Step:
        guide = library.Guide(library.Index(build_regex_from_schema(json.dumps(schema)), vocabulary))

        def step(token: int) -> bool:
            allowed = token in guide.get_tokens()
            guide.advance(token)
            return allowed

        return step

    return seconds, prepare


def measure(name: str, make: Callable[[Any, int], tuple[float, Callable[[Any], Step]]], tokenizer: Any) -> None:
    vocabulary, prepare = make(tokenizer, len(tokenizer))
    started = time.perf_counter()
    step = prepare(SCHEMA)
    grammar = time.perf_counter() - started
    steps = []
    accepted = True
    for token in tokenizer(json.dumps(DOCUMENT))["input_ids"]:
        started = time.perf_counter()
        accepted = accepted and step(token)
        steps.append(time.perf_counter() - started)
    print(
        f"{name:14} vocabulary {vocabulary * 1e3:6.0f} ms  grammar {grammar * 1e3:7.1f} ms  "
        f"token {sum(steps) / len(steps) * 1e6:5.0f} us (longest {max(steps) * 1e6:6.0f})  accepted {accepted}"
    )
    for schema in CANNOT:
        try:
            prepare(schema)
        except Exception as error:  # each library has its own classes
            print(f"    refuses {json.dumps(schema)}: {' '.join(str(error).split())[:70]}")
        else:
            print(f"    takes without a word {json.dumps(schema)}")


def main() -> None:
    from transformers import AutoTokenizer

    from backends.local.packaged_models import packaged_gguf

    path = packaged_gguf()
    tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name, local_files_only=True)
    for make in (llguidance, xgrammar, outlines_core):
        try:
            measure(make.__name__, make, tokenizer)
        except ImportError as error:
            print(f"{make.__name__:14} {error}")
        except ValueError as error:
            print(f"{make.__name__:14} fails: {' '.join(str(error).split())[:100]}")


if __name__ == "__main__":
    main()
