"""The `adaptation:` section of a customization: how data becomes an adapter, whatever the base."""

from typing import Literal, Self

from pydantic import Field, model_validator

from modelops.section import Section


class Lora(Section):
    """Low-rank adaptation, Hu et al. (2021)."""

    rank: int = Field(default=16, ge=1, le=256)
    """Rank of each update; 8 to 32 suits most single-task customizations."""

    alpha: float = Field(default=32.0, gt=0)
    """Scale: updates are multiplied by alpha / rank."""

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Dropout on the input of each update, while training."""

    targets: Literal["all-linear", "attention", "mlp"] = "all-linear"
    """Role of the layers that learn; resolved to module names for each architecture."""


class Budget(Section):
    """When training ends; exactly one of the two."""

    tokens: int | None = Field(default=None, ge=1)
    """Tokens seen, prompts included, padding not."""

    steps: int | None = Field(default=None, ge=1)
    """Optimizer steps."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.tokens is None) == (self.steps is None):
            raise ValueError("give exactly one of `tokens` and `steps`")
        return self


class Adaptation(Section):
    """The `adaptation:` section."""

    method: Literal["lora"] = "lora"
    """How weights are changed."""

    objective: Literal["supervised"] = "supervised"
    """What is learned: the completion, given the prompt."""

    lora: Lora = Lora()
    """Settings of the method."""

    learning_rate: float = Field(default=1e-3, gt=0, lt=1)
    """Peak learning rate of AdamW."""

    warmup: float = Field(default=0.05, ge=0, lt=1)
    """Share of the steps in which the learning rate rises from zero; then it falls as a cosine."""

    weight_decay: float = Field(default=0.0, ge=0)
    """Decoupled weight decay on the adapter."""

    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient; longer ones are scaled down."""

    batch_tokens: int = Field(default=2048, ge=64)
    """Most tokens in one batch after padding; records of similar length share a batch."""

    budget: Budget = Budget(tokens=200_000)
    """When training ends."""

    checkpoint_every_s: float = Field(default=60.0, gt=0)
    """Seconds between checkpoints; a killed run continues from the last one, to the same bytes."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Fixes the adapter's first weights and the order of the data."""
