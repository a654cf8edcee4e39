"""The filter policy of docs/messages.md, against real reports and by moto's matcher.

moto itself puts a filter to the whole message before it takes a queue's body out of it, so a subscription cannot show
it. The reports are the demo's, as its queues get them; `cargo test` leaves them.
"""

import json
import re

import pytest
from moto.sns.utils import FilterPolicyMatcher

from stack import ROOT


@pytest.mark.parametrize("event, wanted", [
    ("operation-failed.json", True), ("operation-succeeded-with-failures.json", False),
])
def test_the_readmes_filter_lets_failed_operations_of_some_names_through(event, wanted):
    (text,) = re.findall(r"```json\n(.+?)```", (ROOT / "docs/messages.md").read_text(), re.DOTALL)
    attributes = json.loads(text)
    policy, scope = attributes["FilterPolicy"], attributes["FilterPolicyScope"]
    report = (ROOT / f"target/tmp/report-of-{event}").read_text()

    def matches(changed):
        return FilterPolicyMatcher(policy | changed, scope).matches({}, report)

    assert matches({}) == wanted
    # It is the outcome that makes the difference.
    assert matches({"outcome": ["FAILED", "SUCCEEDED_WITH_FAILURES"]})
    both = {"outcome": ["FAILED", "SUCCEEDED_WITH_FAILURES"]}
    assert not matches(both | {"stackSet": {"name": [{"prefix": "baseline-"}]}})
    assert not matches(both | {"severity": ["INFO"]})
    assert not matches(both | {"causes": {"code": ["HOOK_FAILED"]}})
