"""The `gate:` section of a customization: what a candidate has to show before it may serve."""

from pydantic import Field, FiniteFloat

from modelops.section import Section


class Gate(Section):
    """Rule on the headline slice of the benchmark, paired item by item."""

    min_gain: float = Field(default=0.0, ge=0, lt=1)
    """Smallest gain in equivalence rate over the champion, or over the base when there is none,
    that the lower end of the confidence interval has to exceed."""

    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Level of the two-sided interval of the paired difference, and of the McNemar test."""

    minimum_effect: float = Field(default=0.1, gt=0, lt=1)
    """Net gain in equivalence rate that the benchmark has to be able to show."""

    power: float = Field(default=0.8, gt=0.5, lt=1)
    """Probability of showing it; too few items are refused, with the number that is enough."""

    floors: dict[str, FiniteFloat] = Field(default_factory=dict)
    """Metric name -> smallest value on the headline slice, whatever the champion has."""
