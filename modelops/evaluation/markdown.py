"""A summary as Markdown for an asset's page: one table and one small picture."""

from base64 import b64encode
from io import BytesIO

from modelops.errors import EvaluationError
from modelops.evaluation.metrics import Estimate, Summary
from modelops.evaluation.report import label_of, number

_COLUMNS = ("equivalence", "compile_rate", "f1")


def summary_markdown(summary: Summary, headline: str) -> str:
    """Table of every slice with intervals, and F1 by feature of the slice `headline` as a PNG.

    Raises EvaluationError when there is no such slice.
    """
    if headline not in summary.slices:
        raise EvaluationError(
            f"There is no slice `{headline}` in the summary; it has {', '.join(summary.slices)}."
        )
    head = ["Slice", "Items", *(label_of(name) for name in _COLUMNS)]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for where, group in summary.slices.items():
        name = f"**{where}**" if where == headline else where
        cells = [_cell(column, group.metrics.get(column)) for column in _COLUMNS]
        rows.append([name, str(group.n), *cells])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    picture = b64encode(summary_png(summary, headline)).decode()
    note = f"Intervals at {100 * summary.confidence:g} %."
    return f"{table}\n\n{note}\n\n![Metrics of {headline}](data:image/png;base64,{picture})\n"


def _cell(name: str, estimate: Estimate | None) -> str:
    if estimate is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return number(name, estimate.value)
    ends = f"{number(name, estimate.low)} to {number(name, estimate.high)}"
    return f"{number(name, estimate.value)} ({ends})"


def summary_png(summary: Summary, headline: str) -> bytes:
    """Horizontal bars, 0 to 1, of the rates and of F1 by feature, with their intervals."""
    from matplotlib.figure import Figure

    metrics = summary.slices[headline].metrics
    names = [name for name in _COLUMNS if name in metrics]
    names += sorted(name for name in metrics if name.startswith("f1."))
    shown = [metrics[name] for name in names][::-1]
    figure = Figure(figsize=(5.5, 0.9 + 0.26 * len(names)), dpi=90, layout="constrained")
    axes = figure.subplots()
    colours = ["#0b6e69" if name in _COLUMNS else "#7fb5b1" for name in names][::-1]
    axes.barh(range(len(shown)), [one.value for one in shown], color=colours, height=0.7)
    for at, one in enumerate(shown):
        if one.low is not None and one.high is not None:
            axes.plot([one.low, one.high], [at, at], color="#1c1f24", linewidth=1.4)
    axes.set_yticks(range(len(shown)), [label_of(name) for name in names][::-1], fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_title(f"{headline}, {summary.slices[headline].n} items", fontsize=9, loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    stream = BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()
