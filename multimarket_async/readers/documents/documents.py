"""Routes of the documents: each page of `multimarket_async/docs` as HTML, and the pictures beside them."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import pairwise

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token

from multimarket_async.readers.http.cache import not_modified

FOLDER = files("multimarket_async") / "docs"
FIRST = "index"
MARK = re.compile(r"^<!-- .* -->\n", re.MULTILINE)  # where a test finds what it compares with the code
PAGE = re.compile(r"([a-z]+)\.md(#[\w-]+)?")
TEMPLATE = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined).get_template(
    "document.html"
)
NO_CACHE = {"Cache-Control": "no-cache"}


def routes() -> APIRouter:
    """Routes of all pages: /docs/ is the contents."""
    router = APIRouter(include_in_schema=False, prefix="/docs")

    @router.get("")
    async def contents() -> Response:
        return Response(status_code=308, headers={"Location": "docs/"})

    @router.get("/")
    async def first(request: Request) -> Response:
        return _answer(request, rendered(FIRST))

    @router.get("/{name}.svg")
    async def picture(request: Request, name: str) -> Response:
        return _answer(request, _written(f"{name}.svg"), "image/svg+xml")

    @router.get("/{name}")
    async def page(request: Request, name: str) -> Response:
        return _answer(request, rendered(name))

    return router


def _answer(request: Request, content: str, media_type: str = HTMLResponse.media_type) -> Response:
    headers = {"ETag": f'"{sha256(content.encode()).hexdigest()[:16]}"', **NO_CACHE}
    return not_modified(request, headers) or Response(content, media_type=media_type, headers=headers)


@cache
def names() -> frozenset[str]:
    """Names of the files there are: nothing else is opened, whatever an address says."""
    return frozenset(file.name for file in FOLDER.iterdir())


def _written(name: str) -> str:
    if name not in names():
        raise HTTPException(404, "There is no such document.")
    return (FOLDER / name).read_text("utf-8")


def rendered(name: str) -> str:
    """The page of this name as HTML. Raises HTTPException where there is none."""
    return _page(name, _written(f"{name}.md"))


@cache
def _page(name: str, text: str) -> str:
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = markdown.parse(MARK.sub("", text))
    headings = [*_named(tokens)]
    for token in _flat(tokens):
        _fitted(token)
    body = markdown.renderer.render(tokens, markdown.options, {})
    return TEMPLATE.render(title=headings[0][1], headings=headings[1:], body=body, first=name == FIRST)


def _named(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """Id and text of each heading; its element gets the id."""
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            anchor = re.sub(r"[^\w]+", "-", inline.content.lower()).strip("-")
            opening.attrSet("id", anchor)
            yield anchor, inline.content


def _flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from token.children or ()


def _fitted(token: Token) -> None:
    """Links lead to pages here, or nowhere; no element has a style, which the policy of the page forbids."""
    if token.attrs.pop("style", "") == "text-align:right":
        token.attrSet("class", "right")
    if token.type == "link_open":
        link = str(token.attrs["href"])
        if inside := PAGE.fullmatch(link):
            token.attrSet("href", ("./" if inside[1] == FIRST else inside[1]) + (inside[2] or ""))
        elif link.startswith("../"):
            del token.attrs["href"]  # it is in the repository only
