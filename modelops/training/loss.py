"""Cross entropy at chosen positions, the output head inside; no logits are kept for backward.

Imported inside functions only, because it needs torch to define its class.
"""

from typing import Any

import torch  # noqa: TID253

CHUNK = 256
"""Positions per product with the head: at 49,000 words their logits in fp32 take 50 MB."""


class HeadLoss(torch.autograd.Function):
    """Sum of -log p(target) over positions, in nats; the head is frozen."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, head: Any, where: Any, targets: Any) -> torch.Tensor:
        """`hidden` (n, d), `head` (v, d), `where` and `targets` (s,); a float32 scalar."""
        chosen = hidden.index_select(0, where)
        need = ctx.needs_input_grad[0]
        grad = torch.empty_like(chosen) if need else None
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(where), CHUNK):
            part = slice(start, start + CHUNK)
            logits = torch.mm(chosen[part], head.t()).float()
            wanted = targets[part].unsqueeze(1)
            norm = torch.logsumexp(logits, 1, keepdim=True)
            total += (norm - logits.gather(1, wanted)).sum()
            if grad is not None:
                p = logits.sub_(norm).exp_()
                p.scatter_add_(1, wanted, torch.full_like(norm, -1.0))
                torch.mm(p.to(head.dtype), head, out=grad[part])
        ctx.save_for_backward(grad, where)
        ctx.shape = hidden.shape
        return total

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        """Gradient of `hidden`: zero but at `where`."""
        grad, where = ctx.saved_tensors
        whole = grad.new_zeros(ctx.shape)
        whole.index_copy_(0, where, grad * grads[0].to(grad.dtype))
        return whole, None, None, None
