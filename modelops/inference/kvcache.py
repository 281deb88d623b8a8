"""Keys and values of answers in progress: one shared opening, and a slot of its own for each row.

The shared opening (system prompt, worked examples) is kept once and met by all rows in one product;
rows are dense from 0, so a finished row is replaced by the last one and costs nothing more.
Imported inside functions only, because it needs torch.
"""

from dataclasses import dataclass, field

import torch  # noqa: TID253

from modelops.inference.attention import CausalAttention

ROOM = 64
"""Tokens by which the slots grow. They stay this short because a product over a part of longer
slots would copy that part first, three times the work of the product itself."""


@dataclass
class Layer:
    """One layer's keys and values."""

    keys: torch.Tensor
    """Shape (capacity, groups, room, width); zero where nothing was written."""
    values: torch.Tensor
    """The same shape."""
    prefix_keys: torch.Tensor
    """Shape (groups, prefix, width)."""
    prefix_values: torch.Tensor


@dataclass
class Slots:
    """What `attend` reads and writes; `begin_prefill` and `begin_decode` say what a pass means."""

    capacity: int
    """Most rows at a time."""
    device: str
    layers: dict[int, Layer] = field(default_factory=dict)
    lengths: list[int] = field(default_factory=list)
    """Tokens held by each active row."""
    prefix: int = 0
    """Tokens of the shared opening."""
    room: int = 0
    """Tokens that a row can hold now, the shared opening not counted."""
    _into: slice | None = None
    """Rows that a prefill fills; None while decoding."""
    _mask: torch.Tensor = field(init=False)
    _rows: torch.Tensor = field(init=False)
    _at: torch.Tensor = field(init=False)

    def begin_prefill(self, lengths: list[int]) -> None:
        """The next forward pass reads whole prompts, right-padded, into new rows at the end."""
        start = len(self.lengths)
        self.lengths += lengths
        self._into = slice(start, len(self.lengths))
        self._grow(max(lengths))

    def begin_decode(self, dtype: torch.dtype) -> torch.Tensor:
        """The next pass reads one token for every row; returns their positions, (rows, 1)."""
        self._into = None
        self._at = torch.tensor(self.lengths, device=self.device)
        self._rows = torch.arange(len(self.lengths), device=self.device)
        self._grow(max(self.lengths) + 1)
        hidden = torch.arange(self.room, device=self.device).unsqueeze(0) > self._at.unsqueeze(1)
        empty = torch.zeros(hidden.shape, dtype=dtype, device=self.device)
        self._mask = empty.masked_fill_(hidden, float("-inf"))
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

    def keep_as_prefix(self, capacity: int) -> None:
        """Turn row 0, the only one, into the shared opening of up to `capacity` rows to come."""
        self.prefix, self.room, self.capacity = self.lengths.pop(), 0, capacity
        for layer in self.layers.values():
            layer.prefix_keys = layer.keys[0, :, : self.prefix].contiguous()
            layer.prefix_values = layer.values[0, :, : self.prefix].contiguous()
            groups, _, width = layer.prefix_keys.shape
            layer.keys = layer.keys.new_zeros(capacity, groups, 0, width)
            layer.values = layer.values.new_zeros(capacity, groups, 0, width)

    def _new_layer(self, index: int, key: torch.Tensor) -> Layer:
        _, groups, _, width = key.shape
        shape = (self.capacity, groups, self.room, width)
        nothing = key.new_zeros(groups, 0, width)
        layer = Layer(key.new_zeros(shape), key.new_zeros(shape), nothing, nothing)
        self.layers[index] = layer
        return layer

    def _grow(self, needed: int) -> None:
        """Make room for `needed` tokens in every row."""
        if needed <= self.room:
            return
        more = -(-needed // ROOM) * ROOM - self.room
        self.room += more
        for layer in self.layers.values():
            layer.keys = torch.nn.functional.pad(layer.keys, (0, 0, 0, more))
            layer.values = torch.nn.functional.pad(layer.values, (0, 0, 0, more))

    def _decode(
        self,
        layer: Layer,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        rows, heads, _, width = query.shape
        groups = key.shape[1]
        layer.keys[self._rows, :, self._at] = key[:, :, 0]
        layer.values[self._rows, :, self._at] = value[:, :, 0]
        q = (query * scale).reshape(rows * groups, heads // groups, width)
        scores = torch.bmm(q, layer.keys[:rows].flatten(0, 1).mT)
        scores = scores.view(rows, groups, -1, self.room)
        scores += self._mask[:, None, None]
        if self.prefix:
            scores = torch.cat([self._meet(q, layer.prefix_keys.mT, rows), scores], -1)
        p = torch.softmax(scores, -1)
        own = p[..., self.prefix :].flatten(0, 1)
        out = torch.bmm(own, layer.values[:rows].flatten(0, 1))
        out = out.view(rows, groups, -1, width)
        if self.prefix:
            shared = p[..., : self.prefix].flatten(0, 1)
            out = out + self._meet(shared, layer.prefix_values, rows)
        return out.reshape(rows, 1, heads, width)

    def _meet(self, left: torch.Tensor, shared: torch.Tensor, rows: int) -> torch.Tensor:
        """(rows * groups, repeat, x) times the shared (groups, x, y), one product a group."""
        groups, repeat = shared.shape[0], left.shape[1]
        by_group = left.view(rows, groups, repeat, -1).transpose(0, 1)
        product = torch.bmm(by_group.reshape(groups, rows * repeat, -1), shared)
        product = product.view(groups, rows, repeat, -1)
        return product.transpose(0, 1)
