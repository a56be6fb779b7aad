"""moodle-feedback.zip: every student's page, named so that Moodle hands it to that student.

Moodle reads it under an assignment's "Upload multiple feedback files in a zip": a folder for each student, called
NAME_PARTICIPANT_assignsubmission_file_.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grader.files import write_atomic
from grader.reports.fill import Filled
from grader.reports.gradebook import Person
from grader.reports.html import page_path
from grader.text import visible

NAME = "moodle-feedback.zip"
_TIME = (1980, 1, 1, 0, 0, 0)
"""A zip's earliest: the same pages make the same file, and Moodle passes over what it has."""


def write(
    out: Path, document: Mapping[str, Any], people: Mapping[str, Person], worksheet: Filled | None = None
) -> list[str]:
    """Writes it, and returns the ids of those who are no known participant of Moodle.

    Args:
        out: the folder of results, with the students' pages.
        people: who stands behind each submission.
        worksheet: the grading worksheet, where there is one: participants that the download did not name.
    """
    unknown, folders = [], {}
    for one in document["submissions"]:
        known = [(member.name, member.moodle) for member in people.get(one["id"], Person()).members if member.moodle]
        if not known and worksheet is not None:
            known = [(row[1], re.sub(r"\D", "", row[0])) for row in worksheet.rows.get(one["id"], [])]
        if not known:
            unknown.append(one["id"])
        for name, number in known:
            plain = re.sub(r"[_/\\:*?\"<>|]", " ", visible(name)).strip(" .~") or "student"
            folders[f"{plain}_{number}_assignsubmission_file_"] = out / page_path(one["id"])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, page in sorted(folders.items()):
            entry = zipfile.ZipInfo(f"{folder}/report.html", _TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, page.read_bytes())
    write_atomic(out / NAME, data.getvalue())
    return unknown
