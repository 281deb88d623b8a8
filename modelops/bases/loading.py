"""Load an imported base into transformers: local files, no remote code, nothing missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from modelops.bases.card import Base
from modelops.bases.conversion import quiet_bars
from modelops.errors import BaseModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def load_model(base: Base, *, dtype: str = "bfloat16", device: str = "cpu") -> PreTrainedModel:
    """The model in evaluation mode on `device`, its weights as `dtype`.

    Raises BaseModelError when weights are missing, left over, or of another shape than the
    configuration says: transformers itself would only warn and use random ones.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with quiet_bars():
        loading: Any = AutoModelForCausalLM.from_pretrained(
            base.folder,
            dtype=getattr(torch, dtype),
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            ignore_mismatched_sizes=True,  # collected below, with the names
            output_loading_info=True,
        )
        model, loaded = loading
    wrong = {fault: sorted(map(str, loaded[fault])) for fault in loaded if loaded[fault]}
    if wrong:
        fault, names = next(iter(wrong.items()))
        raise BaseModelError(
            f"{base.name}: {len(names)} {fault.replace('_', ' ')}, for example {names[0]}; the "
            "weights do not fit config.json. Declare the files of one model."
        )
    return model.to(device).eval()


def load_tokenizer(base: Base) -> PreTrainedTokenizerBase:
    """The base's tokenizer with its chat template."""
    from transformers import AutoTokenizer

    loading: Any = AutoTokenizer
    return loading.from_pretrained(base.folder, local_files_only=True, trust_remote_code=False)
