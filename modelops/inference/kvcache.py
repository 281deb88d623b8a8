"""Keys and values of answers in progress: one shared opening, and a slot of its own for each row.

The shared opening (system prompt, worked examples) is kept once and met by all rows in one product;
rows are dense from 0, so a finished row is replaced by the last one and costs nothing more.
Imported inside functions only, because it needs torch.
"""

from dataclasses import dataclass, field

import torch  # noqa: TID253

from modelops.inference.attention import CausalAttention


@dataclass
class Layer:
    """One layer's keys and values."""

    keys: torch.Tensor
    """Shape (capacity, groups, length, width); zero where nothing was written."""
    values: torch.Tensor
    prefix_keys: torch.Tensor
    """Shape (groups, prefix, width)."""
    prefix_values: torch.Tensor


@dataclass
class Slots:
    """What `attend` reads and writes; the engine says with `rows` and `lengths` what a call means."""

    capacity: int
    """Most rows at a time."""
    length: int
    """Most tokens of a row, the shared opening not counted."""
    layers: dict[int, Layer] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    """Tokens held by each active row."""
    prefix: int = 0
    """Tokens of the shared opening."""
    _into: slice | None = None
    """Rows that a prefill fills; None while decoding."""
    _mask: torch.Tensor | None = None
    _rows: torch.Tensor | None = None
    _at: torch.Tensor | None = None

    def begin_prefill(self, lengths: list[int]) -> None:
        """The next forward pass reads whole prompts, right-padded, into new rows at the end."""
        start = len(self.lengths)
        self.lengths += lengths
        self._into = slice(start, len(self.lengths))

    def begin_decode(self, dtype: torch.dtype) -> torch.Tensor:
        """The next forward pass reads one token for every row; returns positions, shape (rows, 1)."""
        self._into = None
        self._at = torch.tensor(self.lengths)
        self._rows = torch.arange(len(self.lengths))
        longest = max(self.lengths) + 1
        hidden = torch.arange(longest).unsqueeze(0) > self._at.unsqueeze(1)
        self._mask = torch.zeros(hidden.shape, dtype=dtype).masked_fill_(hidden, float("-inf"))
        self.lengths = [length + 1 for length in self.lengths]
        return (self._at + self.prefix).unsqueeze(1)

    def drop(self, row: int) -> int:
        """Forget `row`; the last row takes its place, and its former index is returned."""
        last = len(self.lengths) - 1
        if row != last:
            used = self.lengths[last]
            for layer in self.layers.values():
                layer.keys[row, :, :used] = layer.keys[last, :, :used]
                layer.values[row, :, :used] = layer.values[last, :, :used]
            self.lengths[row] = used
        self.lengths.pop()
        return last

    def attend(
        self,
        index: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Store the new keys and values of layer `index`, then attend; result (b, t, h, d)."""
        layer = self.layers.get(index) or self._new_layer(index, key)
        if self._into is None:
            return self._decode(layer, query, key, value, scale)
        layer.keys[self._into, :, : key.shape[2]] = key
        layer.values[self._into, :, : key.shape[2]] = value
        if self.prefix:
            rows = (key.shape[0], -1, -1, -1)
            key = torch.cat([layer.prefix_keys.expand(rows), key], 2)
            value = torch.cat([layer.prefix_values.expand(rows), value], 2)
        return CausalAttention.apply(query, key, value, scale)

    def keep_as_prefix(self) -> None:
        """Turn row 0, the only one, into the shared opening."""
        self.prefix = self.lengths.pop()
        for layer in self.layers.values():
            layer.prefix_keys = layer.keys[0, :, : self.prefix].clone()
            layer.prefix_values = layer.values[0, :, : self.prefix].clone()

    def _new_layer(self, index: int, key: torch.Tensor) -> Layer:
        _, groups, _, width = key.shape
        shape = (self.capacity, groups, self.length, width)
        self.layers[index] = Layer(
            key.new_zeros(shape),
            key.new_zeros(shape),
            key.new_zeros(groups, 0, width),
            key.new_zeros(groups, 0, width),
        )
        return self.layers[index]

    def _decode(
        self,
        layer: Layer,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        rows, heads, _, width = query.shape
        groups, length = key.shape[1], self._mask.shape[1]
        layer.keys[self._rows, :, self._at] = key[:, :, 0]
        layer.values[self._rows, :, self._at] = value[:, :, 0]
        q = (query * scale).reshape(rows * groups, heads // groups, width)
        keys = layer.keys[:rows].flatten(0, 1)[:, :length]
        scores = torch.bmm(q, keys.mT).view(rows, groups, -1, length)
        scores += self._mask[:, None, None]
        if self.prefix:
            scores = torch.cat([self._meet(q, layer.prefix_keys.mT, rows), scores], -1)
        p = torch.softmax(scores, -1)
        own = p[..., self.prefix :].flatten(0, 1)
        out = torch.bmm(own, layer.values[:rows].flatten(0, 1)[:, :length])
        out = out.view(rows, groups, -1, width)
        if self.prefix:
            shared = p[..., : self.prefix].flatten(0, 1)
            out = out + self._meet(shared, layer.prefix_values, rows)
        return out.reshape(rows, 1, heads, width)

    def _meet(self, left: torch.Tensor, shared: torch.Tensor, rows: int) -> torch.Tensor:
        """All rows' (rows * groups, repeat, x) times the shared (groups, x, y), one product a group."""
        groups, repeat = shared.shape[0], left.shape[1]
        by_group = left.view(rows, groups, repeat, -1).transpose(0, 1).reshape(groups, rows * repeat, -1)
        product = torch.bmm(by_group, shared).view(groups, rows, repeat, -1)
        return product.transpose(0, 1)
