"""Texts that would do harm where they are not escaped, and pages looked at for it."""

import random
from dataclasses import fields, is_dataclass, replace
from typing import Any, NamedTuple

import pandas as pd

# each would set window.hit or open a dialog, leave its element, or lead the eye
CORPUS = (
    "<script>window.hit=1</script>",
    "</script><script>window.hit=1</script>",
    "</style><script>window.hit=1</script>",
    "</title></textarea><script>window.hit=1</script>",
    "<img src=x onerror=window.hit=1>",
    '"><img src=x onerror=window.hit=1>',
    "'><img src=x onerror=window.hit=1>",
    '" onmouseover="window.hit=1" autofocus onfocus="window.hit=1',
    "' onmouseover='window.hit=1' autofocus onfocus='window.hit=1",
    "`onmouseover=window.hit=1`",
    "<svg/onload=window.hit=1>",
    "<svg><animate onbegin=window.hit=1 attributeName=x></svg>",
    "<math><mtext></mtext><a xlink:href=javascript:window.hit=1>x</a></math>",
    "<iframe srcdoc='<script>parent.hit=1</script>'></iframe>",
    "<details open ontoggle=window.hit=1>",
    "<base href=//evil.example/><link rel=stylesheet href=//evil.example/x.css>",
    "<form action=javascript:window.hit=1><button autofocus>x",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "javascript:window.hit=1",
    "data:text/html,<script>window.hit=1</script>",
    "{{7*7}}{% import os %}${window.hit=1}<%= window.hit=1 %>",
    "]]><!--<script>window.hit=1</script>-->",
    "<!--", "-->", "<![CDATA[",
    "&lt;script&gt;window.hit=1&lt;/script&gt; &amp; &#60;b&#62;",
    "</td></tr></table><h1>FAKE</h1>",
    "<plaintext>", "<noscript><p title=</noscript><img src=x onerror=window.hit=1>>",
    "photo\u202egnp.exe", "\u2066real\u2069", "a\ufeffb\u200bc",
    "line\nbreak\ttab", "bell\x07 escape\x1b[31mred", "\x01\x02",
    "=HYPERLINK(\"//evil.example\")", "@SUM(1)", "+1", "-1",
    "$\\frac{", "\\(x\\)", "**bold** [x](javascript:window.hit=1)",
    "\u00e4\u4e2d\U0001f600",
)  # fmt: skip


def texts(seed: int = 20261128, extra: int = 20) -> list[str]:
    """The corpus, and pairs of its texts glued together."""
    rng = random.Random(seed)
    return [*CORPUS, *("".join(rng.sample(CORPUS, 2)) for _ in range(extra))]


def swapped(thing: Any, swaps: dict[str, str]) -> Any:
    """A copy of nested records and tables in which texts are exchanged for others."""
    if isinstance(thing, str):
        for plain, hostile in swaps.items():
            thing = thing.replace(plain, hostile)
        return thing
    if isinstance(thing, pd.DataFrame):
        texts = [c for c in thing if pd.api.types.is_string_dtype(thing[c])]
        return thing.assign(**{c: [swapped(v, swaps) for v in thing[c]] for c in texts})
    if isinstance(thing, tuple) and hasattr(thing, "_fields"):
        return type(thing)(*(swapped(one, swaps) for one in thing))
    if isinstance(thing, tuple | list):
        return type(thing)(swapped(one, swaps) for one in thing)
    if isinstance(thing, dict):
        return {swapped(k, swaps): swapped(v, swaps) for k, v in thing.items()}
    if is_dataclass(thing) and not isinstance(thing, type):
        own = {f.name: swapped(getattr(thing, f.name), swaps) for f in fields(thing) if f.init}
        return replace(thing, **own)
    return thing


class Seen(NamedTuple):
    """What a browser made of a page."""

    elements: frozenset[tuple[str, str]]  # each element with each of its attributes
    scripts: int
    links: frozenset[str]  # their protocols
    text: str  # with what only those see who do not see pictures
    hit: object
    asked: tuple[str, ...]  # addresses that it asked for, without the page and what it carries
    dialogs: tuple[str, ...]


LOOK = """() => {
  const elements = new Set(), links = new Set(), said = [document.documentElement.textContent];
  for (const one of document.querySelectorAll("*")) {
    elements.add(one.localName + " ");
    for (const attribute of one.attributes) {
      elements.add(one.localName + " " + attribute.name);
      said.push(attribute.value);
    }
    if (one.href) links.add(new URL(one.href, document.baseURI).protocol);
  }
  return { elements: [...elements], links: [...links], text: said.join("\\n"),
           scripts: document.scripts.length, hit: window.hit ?? null };
}"""


def look(browser: Any, html: str, path: Any) -> Seen:
    """Open a page without the security policy that it may have, and use it a little."""
    # the policy is a second wall: escaping must hold without it
    path.write_text(html.replace("Content-Security-Policy", "x-none"), "utf-8")
    tab = browser.new_page()
    asked: list[str] = []
    dialogs: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    tab.goto(path.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    for _ in range(5):  # what waits for the focus
        tab.keyboard.press("Tab")
    tab.mouse.move(200, 200)
    tab.wait_for_timeout(300)
    found = tab.evaluate(LOOK)
    tab.close()
    foreign = tuple(a for a in asked if not a.startswith(("data:", "blob:")) and a != path.as_uri())
    pairs = frozenset(tuple(pair.split(" ", 1)) for pair in found["elements"])
    links = frozenset(found["links"])
    return Seen(
        pairs, found["scripts"], links, found["text"], found["hit"], foreign, tuple(dialogs)
    )


def shown(text: str) -> str:
    """A text as a browser has it after parsing."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")


def check(hostile: Seen, plain: Seen, texts: list[str]) -> None:
    """The hostile page has the elements of the plain one, ran nothing, and shows its texts."""
    assert hostile.hit is None
    assert hostile.dialogs == ()
    assert hostile.asked == ()
    assert hostile.elements - plain.elements == set()
    assert hostile.scripts == plain.scripts
    assert hostile.links <= {*plain.links, "file:", "data:"}
    assert [text for text in texts if shown(text) not in hostile.text] == []
