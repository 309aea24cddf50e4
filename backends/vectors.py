"""Vectors and likelihoods of texts: what callers may ask for, and a row of 32-bit floats for each text as the answer.

numpy is imported when a vector is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backends.exceptions import InvalidRequestError, MalformedResponseError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["check_candidates", "check_texts", "vector_rows"]


def check_texts(texts: Sequence[str], owner: str | None = None, *, empty: bool = True) -> list[str]:
    """The texts as a list; InvalidRequestError when they are none. ``empty`` says whether one may be empty."""
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise InvalidRequestError(f"texts must be a list of texts, not {type(texts).__name__}", provider=owner)
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidRequestError(f"text {place} must be text, not {type(text).__name__}", provider=owner)
        if not text and not empty:
            raise InvalidRequestError(f"text {place} is empty, and this server takes no empty text", provider=owner)
    return list(texts)


def check_candidates(candidates: Sequence[str], owner: str | None = None) -> list[str]:
    """The answers to score as a list; none of them may be empty, which every model begins with."""
    if isinstance(candidates, str) or not all(isinstance(text, str) and text for text in candidates):
        raise InvalidRequestError("candidates must be a list of non-empty texts", provider=owner)
    return list(candidates)


def vector_rows(
    rows: Sequence[Any], count: int, owner: str | None = None, model: str | None = None
) -> NDArray[np.float32]:
    """What a server sent for ``count`` texts as one array; MalformedResponseError when it is something else."""
    import numpy as np

    def malformed(what: str) -> MalformedResponseError:
        return MalformedResponseError(f"the vectors are malformed: {what}", provider=owner, model=model)

    if len(rows) != count:
        raise malformed(f"{count} texts were sent and {len(rows)} vectors came back")
    if not rows:
        return np.zeros((0, 0), dtype=np.float32)
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told below
            found = np.asarray(rows, dtype=np.float32)
    except (TypeError, ValueError, OverflowError) as error:
        raise malformed("they are not numbers, or of different lengths") from error
    if found.ndim == 3:
        raise malformed("there is one for each token; choose a model that gives one for each text")
    if found.ndim != 2 or not found.shape[1]:
        raise malformed(f"they have the shape {found.shape}")
    if not np.isfinite(found).all():
        raise malformed("they hold numbers that are not finite")
    return found
