"""Components as plain data are what Dash itself would send."""

import json

import dash_mantine_components as dmc
import pytest
from dash import dcc, html
from plotly.io.json import to_json_plotly

from dashboard import html as own
from dashboard.plain import plain


def test_plain_data_reads_as_dash_would_write_it() -> None:
    figure = {"data": [{"x": ["2026-11-22"], "y": [1.5, None]}], "layout": {"template": "nk"}}
    drawn = html.Section(
        [
            html.H2("Sales", className="title", **{"aria-label": "Sales", "data-explain": "x"}),
            [html.Span(children=None), "text", 3, None, True],
            dcc.Graph(id={"type": "graph", "name": "trend"}, figure=figure, config={}),
            dmc.Tooltip(label=html.B("words"), children=html.Div(style={"width": "10%"})),
        ]
    )
    assert json.loads(to_json_plotly(plain(drawn))) == json.loads(to_json_plotly(drawn))
    # Nothing is left that only a slower way of writing knows.
    assert "Component" not in str({type(part) for part in _parts(plain(drawn))})


@pytest.mark.parametrize("made", own.Element.__subclasses__(), ids=lambda made: made.__name__)
def test_an_element_is_what_dashs_own_would_be(made: type[own.Element]) -> None:
    props = {"id": "x", "className": None, "title": "words", "aria-label": "more"}
    theirs = getattr(html, made.__name__)(["text", 3], **props)
    told = json.loads(to_json_plotly(theirs))
    told["props"] = {name: prop for name, prop in told["props"].items() if prop is not None}
    assert made(["text", 3], **props) == told


def _parts(value: object) -> list[object]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [value, *(part for each in inner for part in _parts(each))]
