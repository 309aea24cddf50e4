"""The old import name of :class:`backends.openai.OpenAIBackend`."""

from __future__ import annotations

from backends.openai import OpenAIBackend

__all__ = ["OpenAIBackend"]
