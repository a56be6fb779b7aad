"""Results as JUnit XML, which every CI reads: a suite for each submission, a case for each check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from grader.results.verdicts import ERROR, PASS, SKIP, UNWRITTEN

_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS = {ERROR: "error", SKIP: "skipped", UNWRITTEN: "skipped"}


def text(document: Mapping[str, Any], name: str) -> str:
    """The whole document. What did not pass is a failure; what the grader did wrong is an error."""
    root = ElementTree.Element("testsuites", name=legal(name))
    for one in document["submissions"]:
        root.append(_suite(one))
    total = {key: str(sum(int(suite.get(key, "0")) for suite in root)) for key in ("tests", "failures", "errors")}
    root.attrib.update(total, time=f"{document['run']['seconds']:.3f}")
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def legal(words: str) -> str:
    """Text without the characters that no XML document may hold, not even escaped."""
    return _ILLEGAL.sub("", words)


def _suite(one: Mapping[str, Any]) -> ElementTree.Element:
    counts: Counter[str] = Counter()
    suite = ElementTree.Element("testsuite", name=legal(one["id"]), time=f"{one['seconds']:.3f}")
    for exercise in one["exercises"]:
        for check in exercise["checks"]:
            counts["tests"] += 1
            counts[_kind(check["verdict"])] += 1
            suite.append(_case(f"{one['id']}.{exercise['id']}", check))
    names = (("tests", "tests"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    suite.attrib.update({name: str(counts[kind]) for name, kind in names})
    if one["problems"]:
        ElementTree.SubElement(suite, "system-err").text = legal("\n".join(one["problems"]))
    return suite


def _kind(verdict: str) -> str:
    return "" if verdict == PASS else _KINDS.get(verdict, "failure")


def _case(owner: str, check: Mapping[str, Any]) -> ElementTree.Element:
    name = f"{check['id']} [{check['device']}]"
    case = ElementTree.Element("testcase", classname=legal(owner), name=legal(name), time=f"{check['seconds']:.4f}")
    if kind := _kind(check["verdict"]):
        message = legal(check["message"])
        found = ElementTree.SubElement(case, kind, message=message.partition("\n")[0], type=check["verdict"])
        found.text = message
    return case
