"""Finds what lives in a room: every module of a package that offers a given function.

So that adding a dataset or a dimension is adding one file.
"""

import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Any


def offers(package: ModuleType, function: str) -> list[Callable[..., Any]]:
    """``function`` of each module directly in ``package`` that has it, by module name."""
    modules = (
        importlib.import_module(f"{package.__name__}.{info.name}")
        for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name)
    )
    return [getattr(module, function) for module in modules if hasattr(module, function)]
