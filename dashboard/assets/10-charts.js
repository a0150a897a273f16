// Puts the one chart template of the current scheme under every figure, and redraws on a change.
(function () {
  "use strict";
  const schemes = JSON.parse(document.getElementById("nk-charts").textContent);
  const drawn = new Map();
  const plotly = window.Plotly;

  const scheme = () =>
    document.documentElement.getAttribute("data-mantine-color-scheme") === "dark"
      ? "dark"
      : "light";

  // A figure names colours as "token:accent"; the scheme says what that is.
  function coloured(value, colours) {
    if (typeof value === "string") {
      return value.startsWith("token:") ? colours[value.slice(6)] : value;
    }
    if (Array.isArray(value)) return value;
    if (value && typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, part]) => [key, coloured(part, colours)]),
      );
    }
    return value;
  }

  function dressed(figure) {
    const { colours, template } = schemes[scheme()];
    return {
      ...figure,
      data: (figure.data || []).map((trace) => coloured(trace, colours)),
      layout: { ...coloured(figure.layout, colours), template },
    };
  }

  function react(graph, figure) {
    drawn.set(graph, figure);
    return plotly.react(graph, dressed(figure));
  }

  window.Plotly = Object.create(plotly, { react: { value: react } });

  new MutationObserver(() => {
    for (const [graph, figure] of drawn) {
      if (graph.isConnected) plotly.react(graph, dressed(figure));
      else drawn.delete(graph);
    }
  }).observe(document.documentElement, { attributeFilter: ["data-mantine-color-scheme"] });
})();
