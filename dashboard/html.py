"""HTML elements as plain data: the dicts that the browser gets for Dash's own ``dash.html``.

Dash's classes check each property of each element: a third of what drawing a section costs.
"""

from typing import Any


class Element(dict[str, Any]):
    """An element with its children and properties; what is None is left out."""

    def __init__(self, children: Any = None, **props: Any) -> None:
        known = {name: value for name, value in props.items() if value is not None}
        if children is not None:
            known["children"] = children
        super().__init__(props=known, type=type(self).__name__, namespace="dash_html_components")


class A(Element):
    """<a>"""


class Button(Element):
    """<button>"""


class Code(Element):
    """<code>"""


class Dd(Element):
    """<dd>"""


class Details(Element):
    """<details>"""


class Div(Element):
    """<div>"""


class Dl(Element):
    """<dl>"""


class Dt(Element):
    """<dt>"""


class Form(Element):
    """<form>"""


class H1(Element):
    """<h1>"""


class H2(Element):
    """<h2>"""


class H3(Element):
    """<h3>"""


class Header(Element):
    """<header>"""


class Kbd(Element):
    """<kbd>"""


class Label(Element):
    """<label>"""


class Li(Element):
    """<li>"""


class Nav(Element):
    """<nav>"""


class Ol(Element):
    """<ol>"""


class P(Element):
    """<p>"""


class Pre(Element):
    """<pre>"""


class Section(Element):
    """<section>"""


class Small(Element):
    """<small>"""


class Span(Element):
    """<span>"""


class Strong(Element):
    """<strong>"""


class Summary(Element):
    """<summary>"""


class Table(Element):
    """<table>"""


class Tbody(Element):
    """<tbody>"""


class Td(Element):
    """<td>"""


class Tfoot(Element):
    """<tfoot>"""


class Th(Element):
    """<th>"""


class Thead(Element):
    """<thead>"""


class Tr(Element):
    """<tr>"""


class Ul(Element):
    """<ul>"""
