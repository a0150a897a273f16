"""Answers as plain data, so that they are written out in one go.

Dash's own way walks an answer with components twice in Python; plain dicts go straight to JSON.
"""

from typing import Any

from dash.development.base_component import Component

_OF_THE_CLASS = frozenset({"available_properties", "available_wildcard_properties"})


def plain(value: Any) -> Any:
    """``value`` with each Dash component in it as the dict that the browser gets."""
    if isinstance(value, str) or value is None:
        return value
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, Component):
        props = {
            name: plain(prop)
            for name, prop in value.__dict__.items()
            if name[0] != "_" and name not in _OF_THE_CLASS
        }
        return {"props": props, "type": value._type, "namespace": value._namespace}
    return value
