"""Makes whole transformers models of a few kilobytes: two layers, one token a byte, random weights of a fixed seed."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["CHAT_TEMPLATE", "CONTEXT", "conforming_model", "make_tiny_model"]

CONTEXT = 640
CHAT_TEMPLATE = (
    "{% for message in messages %}<|start|>{{ message['role'] }}\n{{ message['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)


def make_tiny_model(
    directory: Path, *, chat_template: str | None = None, leaning: Mapping[str, float] | None = None, seed: int = 0
) -> Path:
    """Save a model and its tokenizer to ``directory``; ``<|end|>`` ends a text.

    ``leaning`` lifts the scores of single characters (``{'"': 2.0}``) or of ``<|end|>``; at 4 little else is left.
    """
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", bos_token="<|start|>", model_max_length=CONTEXT
    )
    fast.chat_template = chat_template
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        # Wide enough that the best token stands out from the rest by more than rounding.
        initializer_range=0.4,
        eos_token_id=fast.eos_token_id,
        bos_token_id=fast.bos_token_id,
    )
    # On machines with other work to do, the threads of a model this small spend their time waiting for each other.
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    if leaning:
        _lean(model, {fast.convert_tokens_to_ids(token): amount for token, amount in leaning.items()})
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    model.save_pretrained(directory)
    if shown:
        logging.enable_progress_bar()
    fast.save_pretrained(directory)
    return directory


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tiny-transformers-")


@functools.cache
def conforming_model() -> Path:
    """A chat model that closes every string it opens; made once a process, gone with it."""
    return make_tiny_model(Path(_folder().name) / "conforming", chat_template=CHAT_TEMPLATE, leaning={'"': 4.0})


def _lean(model: Any, leaning: Mapping[int, float]) -> None:
    """Keep the first number of every hidden state constant and let the output read it as a bias."""
    import torch

    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 40.0
        for layer in model.model.layers:
            layer.self_attn.o_proj.weight[0] = 0.0
            layer.mlp.down_proj.weight[0] = 0.0
        model.lm_head.weight[:, 0] = 0.0
        for token, amount in leaning.items():
            model.lm_head.weight[token, 0] = amount
