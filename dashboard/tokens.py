"""The design tokens: colours, type and rhythm, in one place.

The Mantine theme, the chart template and the CSS variables all come from here.
"""

from typing import Any

FONT = "'Inter Variable', system-ui, sans-serif"
MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, monospace"

SCHEMES: dict[str, dict[str, str]] = {
    "light": {
        "page": "#f7f7f5",
        "card": "#ffffff",
        "sunken": "#f0f0ed",
        "line": "#e4e4df",
        "line-strong": "#cdcdc6",
        "text": "#1b1c1a",
        "muted": "#5f625c",
        "faint": "#83867f",
        "accent": "#1f5f8b",
        "accent-soft": "#e3eef5",
        "accent-fill": "rgba(31, 95, 139, 0.08)",
        "accent-text": "#1a5279",
        "better": "#11734b",
        "worse": "#b3312c",
        "warn": "#8a5a00",
        "warn-soft": "#fbf1dc",
    },
    "dark": {
        "page": "#131412",
        "card": "#1b1c1a",
        "sunken": "#232522",
        "line": "#2d2f2b",
        "line-strong": "#454841",
        "text": "#ecece8",
        "muted": "#a8aba3",
        "faint": "#858880",
        "accent": "#6cb2de",
        "accent-soft": "#1b303e",
        "accent-fill": "rgba(108, 178, 222, 0.10)",
        "accent-text": "#8cc5e9",
        "better": "#5cc596",
        "worse": "#f0857d",
        "warn": "#e3b35a",
        "warn-soft": "#352a14",
    },
}
"""Neutral greys, one accent; green and red mean better and worse and nothing else."""

SERIES: dict[str, tuple[str, ...]] = {
    "light": ("#1f5f8b", "#c77700", "#4d9a83", "#9b4f8e", "#7a7d75", "#b8574a"),
    "dark": ("#6cb2de", "#eba84c", "#7fcbb4", "#cf93c5", "#a3a69d", "#e39387"),
}
"""At most six series, told apart by the colour-blind too; what is more is 'other'."""

# Ten shades around the accent, as Mantine wants them.
ACCENT_SHADES = (
    "#eef5fa",
    "#dbe9f2",
    "#b4d2e6",
    "#8bbada",
    "#68a5d0",
    "#4a93c4",
    "#3480b4",
    "#1f5f8b",
    "#194f75",
    "#123b58",
)
# Mantine paints its dark surfaces from these: text first, page last.
DARK_SHADES = (
    "#ecece8",
    "#c4c6bf",
    "#a8aba3",
    "#858880",
    "#454841",
    "#2d2f2b",
    "#232522",
    "#1b1c1a",
    "#131412",
    "#0d0e0c",
)

STEP = 8
RADIUS = 8
TEXT_SIZES = {"xs": 12, "sm": 13, "md": 14, "lg": 16, "xl": 20}


def mantine_theme() -> dict[str, Any]:
    """The theme object of MantineProvider."""
    return {
        "fontFamily": FONT,
        "fontFamilyMonospace": MONO,
        "headings": {"fontFamily": FONT, "fontWeight": "600"},
        "colors": {"accent": list(ACCENT_SHADES), "dark": list(DARK_SHADES)},
        "primaryColor": "accent",
        "primaryShade": {"light": 7, "dark": 4},
        "autoContrast": True,
        "defaultRadius": RADIUS,
        "fontSizes": {name: f"{size / 16}rem" for name, size in TEXT_SIZES.items()},
        "respectReducedMotion": True,
        "cursorType": "pointer",
    }


def grid_theme() -> dict[str, Any]:
    """Parameters of ag-grid's theme; colours by CSS variable, so they follow the scheme."""
    return {
        "fontFamily": FONT,
        "fontSize": TEXT_SIZES["sm"],
        "headerFontSize": TEXT_SIZES["xs"],
        "headerFontWeight": 500,
        "spacing": 6,
        "backgroundColor": "var(--nk-card)",
        "foregroundColor": "var(--nk-text)",
        "headerBackgroundColor": "var(--nk-card)",
        "headerTextColor": "var(--nk-muted)",
        "borderColor": "var(--nk-line)",
        "accentColor": "var(--nk-accent)",
        "rowHoverColor": "var(--nk-sunken)",
        "selectedRowBackgroundColor": "var(--nk-accent-soft)",
        "wrapperBorder": False,
        "wrapperBorderRadius": 0,
        "columnBorder": False,
        "inputBackgroundColor": "var(--nk-card)",
        "inputTextColor": "var(--nk-text)",
    }


def css_variables() -> str:
    """The tokens as CSS custom properties, for both schemes."""
    shared = {
        "font": FONT,
        "mono": MONO,
        "step": f"{STEP}px",
        "radius": f"{RADIUS}px",
        **{f"text-{name}": f"{size / 16}rem" for name, size in TEXT_SIZES.items()},
    }
    blocks = [(":root", shared)]
    for scheme, colours in SCHEMES.items():
        series = {f"series-{n}": colour for n, colour in enumerate(SERIES[scheme], 1)}
        blocks.append(
            (
                f'[data-mantine-color-scheme="{scheme}"]',
                {**colours, **series, "color-scheme": scheme},
            )
        )
    return "\n".join(
        f"{selector} {{ "
        + " ".join(f"{_property(name)}: {value};" for name, value in values.items())
        + " }"
        for selector, values in blocks
    )


def _property(name: str) -> str:
    return name if name == "color-scheme" else f"--nk-{name}"


def chart_templates() -> dict[str, Any]:
    """By scheme: the colours by name, and the plotly template that goes under every figure."""
    return {
        scheme: {"colours": colours, "template": {"layout": _chart_layout(scheme)}}
        for scheme, colours in SCHEMES.items()
    }


def _chart_layout(scheme: str) -> dict[str, Any]:
    colour = SCHEMES[scheme]
    axis = {
        "gridcolor": colour["line"],
        "gridwidth": 1,
        "linecolor": colour["line-strong"],
        "zerolinecolor": colour["line-strong"],
        "zerolinewidth": 1,
        "tickfont": {"size": 12, "color": colour["muted"]},
        "automargin": True,
        "fixedrange": True,
        "ticks": "",
    }
    return {
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": 12, "color": colour["text"]},
        "colorway": list(SERIES[scheme]),
        "margin": {"l": 0, "r": 8, "t": 8, "b": 0, "pad": 4},
        "xaxis": {**axis, "showgrid": False, "showline": False, "zeroline": False},
        "yaxis": {**axis, "showline": False},
        "showlegend": False,
        "hovermode": "x",
        "hoverdistance": 40,
        "hoverlabel": {
            "bgcolor": colour["card"],
            "bordercolor": colour["line-strong"],
            "font": {"family": FONT, "size": 12, "color": colour["text"]},
            "align": "left",
        },
        "bargap": 0.25,
        "dragmode": False,
    }
