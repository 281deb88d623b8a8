"""The learning rate as a function of the step; knows no optimizer."""

from math import cos, pi


def learning_rate(step: int, steps: int, *, peak: float, warmup: float) -> float:
    """Linear rise over the first `warmup` share of `steps`, then a cosine down to zero.

    `step` counts from 0; the first step already learns, and the last one does too.
    """
    rising = round(warmup * steps)
    if step < rising:
        return peak * (step + 1) / rising
    return peak * 0.5 * (1 + cos(pi * (step - rising) / max(1, steps - rising)))
