"""Names of factors, groups and experts as people write them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable


class Names:
    """Names; spellings that differ only in case, blanks or character width are one name, shown as first written."""

    def __init__(self) -> None:
        self.shown: dict[str, str] = {}
        self.variants: list[str] = []

    def key(self, text: str) -> str:
        """The key that all spellings of a name share."""
        text = text.strip()
        plain = re.sub("[\u00ad\u200b-\u200d\ufeff]", "", unicodedata.normalize("NFKC", text))
        key = re.sub(r"[\s_-]+", " ", plain).strip().casefold() or text
        if self.shown.setdefault(key, text) != text and text not in self.variants:
            self.variants.append(text)
        return key

    def read_as(self) -> list[str]:
        """One sentence for each spelling that was read as another one."""
        return [f"Read '{variant}' as '{self.shown[self.key(variant)]}'." for variant in tuple(self.variants)]

    def listed(self, keys: Iterable[str]) -> str:
        """Names in quotes, with commas between."""
        return ", ".join(f"'{self.shown[key]}'" for key in keys)
