"""The pages of the documentation site, as MkDocs calls for them: files where they lie, and what is made from the code.

Pages keep their paths in the repository, so that one link works on the site and where the repository is read.
"""

from __future__ import annotations

import pkgutil
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
_ICON = "mpox_keras/web/app/icons/icon.svg"
_FILES = ("docs/**/*", "*.md", "datasets/mpox/README.md", "LICENSE", "NOTICE", "CITATION.cff", "configs/**/*", _ICON)
_LEFT_OUT = {"README.md", "configs/__init__.py"}
START = "docs/index.md"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by those of the whole repository, and add the pages made here."""
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    for pattern in _FILES:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            if path.is_file() and name not in _LEFT_OUT and "__pycache__" not in path.parts:
                # The start page lies where a browser looks for it.
                dest = "index.html" if name == START else None
                files.append(File(name, str(ROOT), config.site_dir, config.use_directory_urls, dest_uri=dest))
    for name, text in made_pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def made_pages() -> dict[str, str]:
    """Path -> Markdown of the pages that the code alone makes."""
    return {
        "docs/reference/recipes.md": _recipes(),
        **{f"docs/reference/python/{name}.md": _module(name) for name in public_modules()},
    }


def public_modules() -> list[str]:
    """Names of the modules and packages of `mpox_keras` that hold what is public, without those that the command line is."""
    names = [module.name for module in pkgutil.iter_modules([ROOT / "mpox_keras"])]
    return [name for name in names if not name.startswith("_") and name not in ("cli", "configs", "datasets")]


def _module(name: str) -> str:
    return f"---\ntitle: mpox_keras.{name}\n---\n\n::: mpox_keras.{name}\n"


def _recipes() -> str:
    text = "# Recipes\n\nThe configs of the repository; `--config NAME` takes each by its name.\n"
    for path in sorted((ROOT / "configs").glob("*.yaml")):
        text += f"\n## {path.stem}\n\n```yaml\n{path.read_text(encoding='utf-8')}```\n"
    return text
