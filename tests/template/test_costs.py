"""The table of costs in docs/deploy.md."""

import re
from decimal import Decimal

from stack import ROOT


def test_the_costs_add_up():
    text = (ROOT / "docs/deploy.md").read_text()
    (section,) = re.findall(r"^## What it costs$(.+?)^## ", text, re.MULTILINE | re.DOTALL)
    *rows, (name, total) = re.findall(r"^\| ([^|]+) \|.*\| \**([0-9]+\.[0-9]{2})\** \|$", section, re.MULTILINE)
    assert name == "**sum**" and len(rows) >= 5
    assert sum(Decimal(cost) for _, cost in rows) == Decimal(total)
    # What the README says.
    (about,) = re.findall(r"About ([0-9]+) US dollars a month", (ROOT / "README.md").read_text())
    assert round(Decimal(total)) == int(about)
