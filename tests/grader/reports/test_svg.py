"""Colours and numbers that people can read."""

import re
from pathlib import Path

import pytest

from grader.reports import svg, templating


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (-3.0, "-3"),
        (0.123456, "0.123"),
        (-0.123456, "-0.123"),
        (-0.00012345, "-1e-04"),
        (12345.678, "12346"),
        (-12.345, "-12.3"),
        (1e30, "1e+30"),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
    ],
)
def test_a_number_fits_its_cell(value, shown):
    assert svg.short_number(value) == shown


def luminance(colour):
    """WCAG's, of #rgb or #rrggbb."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(theme):
    look = Path(templating.TEMPLATES, "look.html").read_text("utf-8")
    colours = dict(re.findall(r"--([\w-]+): (#\w+)", look.split("{% endmacro %}")[theme]))
    pairs = [(ink, back) for ink in ("ink", "quiet", "accent") for back in ("paper", "card")]
    pairs += [(word, f"{word}-back") for word in ("pass", "fail", "wait", "error")]
    for ink, back in pairs:
        light, dark = sorted((luminance(colours[ink]), luminance(colours[back])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, back)


def test_digits_can_be_read_on_every_colour_of_a_heat_map():
    for share in (-1.0, -0.5, 0.0, 0.5, 1.0, float("nan")):
        assert (luminance(svg.colour(share)) + 0.05) / (luminance("#111") + 0.05) >= 7
