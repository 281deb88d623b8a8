"""A tiny base, its network and an adapter that changes its answers."""

from pathlib import Path

import pytest

from modelops.bases.card import Base
from modelops.inference.adapters import AdapterSpec, Pairs, write_adapter
from modelops.inference.engine import Engine
from modelops.inference.network import Network, open_network
from tests.factories import make_tiny_base


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return make_tiny_base(tmp_path_factory.mktemp("bases"))


@pytest.fixture(scope="session")
def engine(base: Base) -> Engine:
    return Engine(base, dtype="float32", rows=4)


@pytest.fixture
def network(base: Base) -> Network:
    return open_network(base, device="cpu", dtype="float32")


@pytest.fixture
def pairs(network: Network) -> Pairs:
    """Random updates of rank 4 on every linear layer."""
    import torch

    draw = torch.Generator().manual_seed(7)
    return {
        name: (
            torch.randn(4, layer.in_features, generator=draw) * 0.2,
            torch.randn(layer.out_features, 4, generator=draw) * 0.2,
        )
        for name, layer in network.layers.items()
    }


@pytest.fixture
def spec(network: Network) -> AdapterSpec:
    targets = tuple(network.targets("all-linear"))
    return AdapterSpec(base_id=network.base.id, rank=4, alpha=8.0, targets=targets)


@pytest.fixture
def adapter(tmp_path: Path, spec: AdapterSpec, pairs: Pairs) -> Path:
    write_adapter(tmp_path / "adapter", spec, pairs)
    return tmp_path / "adapter"
