"""The aims, adapters and rule sets that the SDK knows, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import _native


@dataclass(frozen=True, slots=True)
class Aim:
    """What minutes are given to."""

    code: str
    en: str
    """The title in English."""
    it: str
    """The title in Italian."""


AIMS: Mapping[str, Aim] = {code: Aim(code, en, it) for code, en, it in _native.AIMS}
"""The aims by code. `0` is for trying out: such vouchers are spent only where `0` is asked for."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What an adapter or a rule set can be told."""

    name: str
    meaning: str
    form: str
    """`flag`, `files`, `list`, `one_of`, `text` or `whole`."""
    values: tuple[str, ...]
    """The words that `one_of` takes."""
    default: str | None
    unit: str | None

    @classmethod
    def _of(cls, told: Mapping[str, Any]) -> Setting:
        values = tuple(told.get("values") or ())
        return cls(
            told["name"], told["meaning"], told["form"], values, told["default"], told["unit"]
        )


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter of the catalogue: name it in `Client.submit`."""

    name: str
    summary: str
    rules: str
    """The rule set that its observations are made for."""
    proven: bool
    """Whether its tests run against the real system, or real files of it."""
    read_file: bool
    pull: bool
    webhook: bool
    refresh: bool
    withdraws: bool
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class MerchantAdapter:
    """A shop or till of the catalogue: name it with `Use` in a `Shop`."""

    name: str
    summary: str
    proven: bool
    """Whether its tests run against the real system."""
    webhook: bool
    orders: bool
    """Whether it lists orders that changed."""
    apply: bool
    """Whether it gives discounts by itself; otherwise the cashier types them in."""
    revoke: bool
    """Whether it takes discounts back by itself."""
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """A rule set of the catalogue: name it in a campaign."""

    name: str
    summary: str
    settings: tuple[Setting, ...]


def adapters() -> dict[str, Adapter]:
    """The adapters by name."""
    return {one["name"]: Adapter(**_with_settings(one)) for one in _native.adapters()}


def merchants() -> dict[str, MerchantAdapter]:
    """The shops and tills by name."""
    return {one["name"]: MerchantAdapter(**_with_settings(one)) for one in _native.merchants()}


def rule_sets() -> dict[str, RuleSet]:
    """The rule sets by name."""
    return {one["name"]: RuleSet(**_with_settings(one)) for one in _native.rule_sets()}


def _with_settings(told: Mapping[str, Any]) -> dict[str, Any]:
    settings = tuple(Setting._of(setting) for setting in told["settings"])
    return {**told, "settings": settings}
