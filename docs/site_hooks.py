"""Makes the site of the pages as they are: its order is README's list of guides, and links out of docs/ stay links.

README, CHANGELOG, CONTRIBUTING, SECURITY and the examples become part of the site, so that no page is written twice for it.
Drawings in Mermaid's language become SVG here, so that no reader's browser fetches the script that would draw them; a page that
would load anything from elsewhere fails the build.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mermaidx
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
BESIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
_DRAWING = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LOADED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"https?:[^\"]*\"|<link\b[^>]*\brel=\"(?:stylesheet|icon|preload)\"[^>]*\bhref=\"https?:[^\"]*\"|class=\"mermaid\""
)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]*)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """The four parts of README's guides, each page once."""
    guides = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Guides\n")[2].partition("\n## ")[0]
    nav: list[dict[str, Any]] = [{"Overview": "index.md"}]
    for part in re.split(r"^\* ", guides, flags=re.MULTILINE)[1:]:
        title = re.match(r"\*\*(.+?)\*\*", part)
        pages = [{text: page} for text, page in re.findall(r"\[([^\]]+)\]\(docs/([\w.]+)\)", part)]
        if title is None:
            continue
        nav.append({title[1]: [*pages, *({"security": "security.md"} for _ in [0] if "SECURITY.md" in part)]})
    nav.append({"Project": [{"changes": "changelog.md"}, {"contributing": "contributing.md"}]})
    config["nav"] = nav
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds what lies beside docs/."""
    for name, page in BESIDE.items():
        files.append(File.generated(config, page, content=_rewritten((ROOT / name).read_text(encoding="utf-8"), ROOT)))
    for example in sorted((ROOT / "examples").rglob("*")):
        if example.is_file() and "__pycache__" not in example.parts:
            name = example.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(example)))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """Links out of docs/, as the site has them."""
    own = markdown if page.file.generated_by else _rewritten(markdown, ROOT / "docs")
    return _DRAWING.sub(lambda found: _drawn(found[1]), own)


def on_post_page(output: str, *, page: Any, **_: Any) -> str:
    """Looks that the page is whole by itself."""
    if found := _LOADED.search(output):
        raise PluginError(f"{page.file.src_uri} loads something from elsewhere: {found[0]}")
    return output


def _drawn(text: str) -> str:
    """The drawing, in one line, because a blank one would end the HTML."""
    svg = mermaidx.render(text).svg()
    return f'<div style="background: white; overflow-x: auto">{" ".join(svg.split())}</div>'


def _rewritten(markdown: str, folder: Path) -> str:
    def change(found: re.Match[str]) -> str:
        target = (folder / found[1]).resolve()
        where = target.relative_to(ROOT).as_posix() if target.is_relative_to(ROOT) else found[1]
        if where in BESIDE:
            where = BESIDE[where]
        elif where.startswith("docs/"):
            where = where.removeprefix("docs/")
        elif target.is_dir():
            return "]"  # a folder of the repository: a name in brackets, and no link
        return f"]({where}{found[2] or ''})"

    return _LINK.sub(change, markdown)
