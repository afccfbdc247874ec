"""Fixtures for tests of software that awards or accepts WOM. pytest finds them by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import AIMS, Pocket, Pos, Registry, Source


@pytest.fixture(scope="session")
def wom_registry() -> Iterator[Registry]:
    """A real Registry on this machine, one for all tests."""
    with Registry() as registry:
        yield registry


@pytest.fixture
def wom_source(wom_registry: Registry, request: pytest.FixtureRequest) -> Source:
    """An instrument of its own for the test; it may award every aim of the table."""
    return wom_registry.add_instrument(str(request.node.name)[:64], list(AIMS))


@pytest.fixture
def wom_pos(wom_registry: Registry, request: pytest.FixtureRequest) -> Pos:
    """A POS of its own for the test."""
    return wom_registry.add_pos("A test", str(request.node.name)[:64])


@pytest.fixture
def wom_pocket(wom_registry: Registry) -> Iterator[Pocket]:
    """An empty wallet towards that Registry."""
    with Pocket(wom_registry) as pocket:
        yield pocket
