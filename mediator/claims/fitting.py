"""The arithmetic of training: logistic regression and least squares, the same numbers for the same data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mediator.claims.head import Matrix

__all__ = ["Doubles", "fit", "fit_small", "kernel_of", "least_squares", "sigmoid"]

Doubles = NDArray[np.float64]
_STEPS = 80


def kernel_of(data: Matrix) -> Doubles:
    """How alike the examples are: computed once, since it is most of the work."""
    return (data @ data.T).astype(np.float64)


def fit(data: Matrix, kernel: Doubles, labels: Doubles, kept: NDArray[np.intp], penalty: float) -> Doubles:
    """Logistic regression for all columns at once, on the examples ``kept``.

    The curvature of the loss is at most 1/4, so each step solves the same linear system and never
    overshoots; it is solved among the examples, of which there are fewer than features.
    """
    own = kernel[np.ix_(kept, kept)]
    inverse = np.linalg.inv(own + 4 * penalty * np.eye(len(kept)))
    scores = np.full_like(labels[kept], -3.0)
    weights = np.zeros_like(scores)
    for _ in range(_STEPS):
        target = scores + 4 * (labels[kept] - 1 / (1 + np.exp(-scores)))
        weights = inverse @ target
        scores = own @ weights
    return np.asarray(data[kept].astype(np.float64).T @ weights)


def least_squares(data: Matrix, kernel: Doubles, supports: Doubles, kept: NDArray[np.intp], penalty: float) -> Doubles:
    """Least squares with a penalty: a score near 1 where the element is told, near 0 elsewhere."""
    own = kernel[np.ix_(kept, kept)] + penalty * np.eye(len(kept))
    return np.asarray(data[kept].astype(np.float64).T @ np.linalg.solve(own, supports[kept]))


def fit_small(rows: Doubles, labels: Doubles) -> Doubles:
    """Logistic regression with few features by Newton's method."""
    weights = np.zeros(rows.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (p - labels) + 1e-2 * weights
        curve = (rows * (p * (1 - p))[:, None]).T @ rows + 1e-2 * np.eye(rows.shape[1])
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def sigmoid(scores: Doubles) -> Doubles:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))
