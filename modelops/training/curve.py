"""The loss curve: its rows while training, its table and its picture afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

Row = Mapping[str, float]
"""step, loss, lr, grad_norm, tokens, seconds."""

TABLE, PICTURE = "loss.parquet", "loss.png"
SMOOTHING = 0.1
"""Weight of the newest loss in the running mean that the picture shows."""


def write_curve(folder: Path, rows: Sequence[Row], *, title: str, dev_loss: float | None) -> None:
    """Write the table and the picture of a run's loss into `folder`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), folder / TABLE)
    _draw(folder / PICTURE, rows, title=title, dev_loss=dev_loss)


def smoothed(losses: Sequence[float]) -> list[float]:
    """Exponential running mean, started at the first loss."""
    means: list[float] = []
    for loss in losses:
        last = means[-1] if means else loss
        means.append(last + SMOOTHING * (loss - last))
    return means


def _draw(path: Path, rows: Sequence[Row], *, title: str, dev_loss: float | None) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    tokens, losses = [row["tokens"] for row in rows], [row["loss"] for row in rows]
    axes.plot(tokens, losses, color="#9db8d9", linewidth=0.8, label="each step")
    axes.plot(tokens, smoothed(losses), color="#1f4e8c", linewidth=1.8, label="running mean")
    if dev_loss is not None:
        label = f"records kept aside: {dev_loss:.3f}"
        axes.axhline(dev_loss, color="#c8553d", linestyle="--", linewidth=1.2, label=label)
    axes.set(xlabel="tokens seen", ylabel="loss, nats per token", title=title)
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)
