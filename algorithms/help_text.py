"""The help of an algorithm, from ``help/<id>.md``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

HELP = Path(__file__).resolve().parent / "help"


def read_help(identifier: str) -> tuple[str, dict[str, str], list[str]]:
    """The help of an algorithm: its first paragraph, texts by parameter key, and all sections.

    ``help/<id>.md`` starts with a plain paragraph; lines ``- KEY: text`` describe parameters and
    outputs; ``## Title`` starts a section.
    """
    path = HELP / f"{identifier}.md"
    if not path.exists():
        return "", {}, []
    lines = path.read_text(encoding="utf-8").splitlines()
    blocks: list[str] = []
    current: list[str] = []
    for line in [*lines, ""]:
        starts = line.startswith(("- ", "## ")) or not line.strip()
        if current and (starts or current[0].startswith("## ")):
            blocks.append(" ".join(current))
            current = []
        if line.strip():
            current.append(line.strip())
    texts = {}
    for block in blocks:
        found = re.match(r"- ([A-Z][A-Z0-9_]*): (.*)", block)
        if found:
            texts[found.group(1)] = found.group(2)
    return (blocks[0] if blocks else ""), texts, blocks


def help_html(algorithm: Any) -> str:
    """The help as the dialog shows it: labels of parameters in place of their keys."""
    labels = {d.name(): d.description() for d in [*algorithm.parameterDefinitions(), *algorithm.outputDefinitions()]}
    parts, listed = [], False
    for block in read_help(algorithm.ID)[2]:
        item = block.startswith("- ")
        if item != listed:
            parts.append("<ul>" if item else "</ul>")
            listed = item
        if block.startswith("## "):
            parts.append(f"<h3>{block[3:]}</h3>")
        elif item:
            found = re.match(r"- ([A-Z][A-Z0-9_]*): (.*)", block)
            key, body = found.groups() if found else ("", block[2:])
            parts.append(f"<li><b>{labels.get(key, key)}</b>: {body}</li>" if found else f"<li>{body}</li>")
        else:
            parts.append(f"<p>{block}</p>")
    if listed:
        parts.append("</ul>")
    return "".join(parts)
