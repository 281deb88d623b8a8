"""Our loop and trl's SFTTrainer, in fp32 on the same batches from the same first weights, agree."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch  # noqa: TID253

from modelops.bases.card import Base
from modelops.bases.loading import load_model, load_tokenizer
from modelops.inference.chat import Chat
from modelops.inference.network import open_network
from modelops.training.examples import Example, read_examples
from modelops.training.fit import fit
from modelops.training.learner import Learner
from modelops.training.plan import Plan
from modelops.training.recipe import Adaptation
from modelops.training.schedule import learning_rate
from tests.unit.training.conftest import make_adaptation

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # trl's and peft's own
]


def peft_model(base: Base, adaptation: Adaptation) -> Any:
    """PEFT's model with the first weights that our learner draws."""
    from peft import LoraConfig, get_peft_model

    lora = adaptation.lora
    config = LoraConfig(r=lora.rank, lora_alpha=int(lora.alpha), target_modules="all-linear")
    model: Any = get_peft_model(load_model(base, dtype="float32"), config)
    learner = Learner(open_network(base, device="cpu", dtype="float32"), adaptation)
    with torch.no_grad():
        for name, (a, b) in learner.pairs().items():
            layer: Any = model.get_submodule(f"base_model.model.{name}")
            layer.lora_A["default"].weight.copy_(a)
            layer.lora_B["default"].weight.copy_(b)
    return model


def trl_losses(base: Base, adaptation: Adaptation, examples: list[Example], out: Path) -> list[Any]:
    """The loss of every step by SFTTrainer on the batches of our plan."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    plan = Plan(
        [example.length for example in examples],
        batch_tokens=adaptation.batch_tokens,
        budget=adaptation.budget,
        seed=adaptation.seed,
    )

    class Planned(SFTTrainer):
        def get_train_dataloader(self) -> Any:
            batches = [list(plan.batch(step)) for step in range(plan.steps)]
            rows: Any = self.train_dataset
            return torch.utils.data.DataLoader(
                rows, batch_sampler=batches, collate_fn=self.data_collator
            )

    model = peft_model(base, adaptation)
    live = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(live, lr=adaptation.learning_rate, weight_decay=0.0)
    rates = [
        learning_rate(step, plan.steps, peak=1.0, warmup=adaptation.warmup)
        for step in range(plan.steps)
    ]
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: rates[min(n, len(rates) - 1)])
    settings = SFTConfig(
        output_dir=str(out),
        completion_only_loss=True,
        max_steps=plan.steps,
        logging_steps=1,
        max_grad_norm=adaptation.clip,
        bf16=False,
        gradient_checkpointing=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )
    trainer = Planned(
        model=model,
        args=settings,
        train_dataset=Dataset.from_dict(rows_of(examples)),
        processing_class=load_tokenizer(base),
        optimizers=(optimizer, schedule),
    )
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


def rows_of(examples: list[Example]) -> dict[str, list[list[int]]]:
    pairs = [example.tokens for example in examples]
    return {
        "input_ids": [pair.ids for pair in pairs],
        "completion_mask": [[0] * len(p.prompt) + [1] * len(p.completion) for p in pairs],
    }


def test_the_loss_curves_are_equal_within_rounding(base: Base, corpus: Path, tmp_path: Path):
    pytest.importorskip("trl")
    adaptation = make_adaptation(budget={"steps": 15}, learning_rate=2e-3)
    examples = read_examples(corpus / "train.parquet", Chat(load_tokenizer(base)))

    fitted = fit(base, corpus, adaptation, work=tmp_path / "ours", dtype="float32")
    ours = pq.read_table(fitted.folder / "loss.parquet")["loss"].to_pylist()
    theirs = trl_losses(base, adaptation, examples, tmp_path / "theirs")

    assert len(ours) == 15
    assert ours == pytest.approx(theirs, abs=2e-4)
    assert ours[-1] < ours[0] - 0.5
