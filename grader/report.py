"""report.html and the students' pages: pure functions of results.json's document."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_SAFE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,59}")
_HASHED = re.compile(r"-[0-9a-f]{12}$")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")


def page_path(id: str) -> str:  # noqa: A002  (the document's own word)
    """The student's page, under DIR: the id itself where every file system takes it, else a slug and a hash.

    Two ids never share a page, not even where case or Unicode form is all that tells them apart.
    """
    plain = _SAFE.fullmatch(id) and not id.endswith(".") and not _RESERVED.fullmatch(id) and not _HASHED.search(id)
    if plain:
        return f"students/{id}.html"
    ascii_only = unicodedata.normalize("NFKD", id).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")[:40].strip("-")
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"students/{slug or 'student'}-{digest}.html"
