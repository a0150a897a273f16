"""What every page's head has before its style: the text face, and light or dark without a flash."""

FONT_FILE = "/assets/fonts/inter-latin-wght-normal.woff2"

# The scheme is decided before anything is painted: the reader's choice, else the system's.
SCHEME_SCRIPT = """
(function () {
  var kept = localStorage.getItem("mantine-color-scheme-value");
  var dark = kept === "dark" || kept === "light" ? kept === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
})();
"""
