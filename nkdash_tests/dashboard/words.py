"""What of the English catalogue is left on an Indonesian page."""

import re
from functools import cache

from playwright.sync_api import Page

from dashboard.i18n import texts
from nkdash_tests.dashboard.goods import UOMS
from nkdash_tests.dashboard.shop import CATEGORIES

# What is read or read out: text, and what titles, labels and placeholders say.
SAID = """() => {
    const said = new Set();
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const { parentElement: of, data } = walk.currentNode;
        if (!of.closest("script, style, code, pre, body [lang]")) said.add(data.trim());
    }
    for (const name of ["title", "aria-label", "placeholder", "alt"])
        for (const of of document.querySelectorAll(`[${name}]`))
            if (!of.closest("body [lang]")) said.add(of.getAttribute(name).trim());
    return [...said];
}"""
# Words that libraries bring along and the catalogue therefore does not know.
BROUGHT = ("No Rows To Show", "Loading...", "Nothing found", "Press Space to toggle row selection")

# Names in the retailer's Odoo, which are as they are.
NAMES = {name for name, _ in (*CATEGORIES.values(), *UOMS.values())}


@cache
def english() -> tuple[frozenset[str], tuple[re.Pattern[str], ...]]:
    """The texts that are other words in Indonesian: plain ones, and ones with blanks."""
    ours, theirs = texts("en").texts, texts("id").texts
    indonesian = set(theirs.values())
    other = {text for key, text in ours.items() if theirs[key] != text and text not in indonesian}
    plain = {text for text in other if "{" not in text}
    blanks = [
        re.compile(".+".join(re.escape(part) for part in re.split(r"{\w*}", text)))
        for text in other - plain
        if len(re.sub(r"{\w*}|\W", "", text)) > 5
    ]
    return frozenset(plain | set(BROUGHT)), tuple(blanks)


def left_over(page: Page) -> list[str]:
    """What the page says in English."""
    plain, blanks = english()
    return sorted(
        said
        for said in page.evaluate(SAID)
        if said not in NAMES
        and (said in plain or any(pattern.fullmatch(said) for pattern in blanks))
    )
