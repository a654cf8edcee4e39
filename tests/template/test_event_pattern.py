"""The rules' patterns against events, with moto's matcher."""

import json

import boto3
import pytest
from moto.events.models import EventPattern

from stack import MANAGEMENT, ROOT

# Every file of events/, and whether the rule hands it to the function.
FILES = {
    "instance-status-change.json": False,
    "manual.json": False,
    "operation-failed.json": True,
    "operation-rolled-up.json": True,
    "operation-running.json": False,
    "operation-stopped.json": True,
    "operation-succeeded-with-failures.json": True,
    "operation-succeeded.json": True,
    "operation-totals-disagree.json": True,
    "scheduled-by-rule.json": False,
    "scheduled-by-scheduler.json": False,
}
OPERATION = "CloudFormation StackSet Operation Status Change"
ARN = "arn:aws:cloudformation:eu-central-1:111111111111:stackset/prod-network:1b2c3d4e-0000-4000-8000-000000000000"


def event(detail_type, detail, source="aws.cloudformation"):
    return {
        "version": "0",
        "id": "0e2d9a4c-5b7f-4c1d-8e3a-6f9b0c1d2e3f",
        "detail-type": detail_type,
        "source": source,
        "account": "111111111111",
        "time": "2026-11-20T10:14:02Z",
        "region": "eu-central-1",
        "resources": [ARN],
        "detail": detail,
    }


def ended(status, arn=ARN, **more):
    return event(
        OPERATION,
        {"stack-set-arn": arn, "stack-set-operation-id": "op-1", "status-details": {"status": status}, **more},
    )


# The forms that the CloudFormation user guide documents under "Managing events with Amazon EventBridge".
DOCUMENTED = [
    *[(ended(status), status in ("SUCCEEDED", "FAILED", "STOPPED"))
      for status in ("RUNNING", "SUCCEEDED", "FAILED", "STOPPING", "STOPPED", "QUEUED")],
    # Some rules in public match on an action that the documented form does not have.
    (ended("FAILED", action="CREATE"), True),
    (event("CloudFormation StackSet StackInstance Status Change",
           {"stack-set-arn": ARN, "stack-id": "arn:aws:cloudformation:eu-west-1:222222222222:stack/a/b",
            "status-details": {"status": "CURRENT", "detailed-status": "SUCCEEDED"}}), False),
    (event("CloudFormation StackSet Status Change",
           {"stack-set-arn": ARN, "status-details": {"status": "DELETED"}}), False),
    (event("CloudFormation Stack Status Change",
           {"stack-id": "arn:aws:cloudformation:eu-west-1:222222222222:stack/a/b",
            "status-details": {"status": "FAILED", "status-reason": ""}, "client-request-token": ""}), False),
    (event("CloudFormation Resource Status Change",
           {"stack-id": "arn:aws:cloudformation:eu-west-1:222222222222:stack/a/b",
            "status-details": {"status": "FAILED"}}), False),
    (event("CloudFormation Drift Detection Status Change",
           {"stack-id": "arn:aws:cloudformation:eu-west-1:222222222222:stack/a/b",
            "status-details": {"status": "DETECTION_COMPLETE"}}), False),
    (event("Scheduled Event", {}, source="aws.events"), False),
    (event("Scheduled Event", "{}", source="aws.scheduler"), False),
    (event("AWS API Call via CloudTrail", {"eventName": "StopStackSetOperation", "status-details": {"status": "STOPPED"}}),
     False),
    # Anybody may put events of their own, under a name of their own.
    (event(OPERATION, ended("FAILED")["detail"], source="somebody.else"), False),
]


def notifier_pattern(deploy, **parameters):
    stack = deploy(**parameters)
    rules = boto3.client("events", region_name=stack.region).list_rules()["Rules"]
    return EventPattern.load(next(rule["EventPattern"] for rule in rules if rule["Name"].startswith(stack.name + "-")))


def forwarder_pattern(deploy, **parameters):
    return notifier_pattern(
        deploy, path="deploy/forward-events.yaml", DelegatedAdministratorAccountId=MANAGEMENT, **parameters
    )


PATTERNS = pytest.mark.parametrize("pattern", [notifier_pattern, forwarder_pattern])


@PATTERNS
def test_every_event_file(deploy, pattern):
    files = {path.name: json.loads(path.read_text()) for path in (ROOT / "events").iterdir()}
    assert files.keys() == FILES.keys(), "every event file is expected something of"
    matcher = pattern(deploy)
    assert {name: matcher.matches_event(event) for name, event in files.items()} == FILES


@PATTERNS
def test_documented_forms(deploy, pattern):
    matcher = pattern(deploy)
    for sample, expected in DOCUMENTED:
        assert matcher.matches_event(sample) == expected, sample


@PATTERNS
def test_stack_sets_by_name(deploy, pattern):
    for name, arns in {
        "prod-*": {"prod-network": True, "prod-": True, "staging-prod-network": False, "Prod-network": False},
        "prod-network": {"prod-network": True, "prod-network-2": False},
        "*-network": {"prod-network": True, "prod-network-2": False},
    }.items():
        matcher = pattern(deploy, name=f"by-{list(arns)[0]}-{len(arns)}-{name.count('*')}", StackSetNamePattern=name)
        for stack_set, expected in arns.items():
            for owner in ("123456789012", MANAGEMENT):
                arn = f"arn:aws:cloudformation:eu-central-1:{owner}:stackset/{stack_set}:1b2c"
                assert matcher.matches_event(ended("FAILED", arn)) == expected, (name, arn)
                assert not matcher.matches_event(ended("RUNNING", arn)), (name, arn)


@pytest.mark.parametrize("region, partition", [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_other_partitions(deploy, region, partition):
    matcher = notifier_pattern(deploy, region=region, StackSetNamePattern="prod-*")
    arn = f"arn:{partition}:cloudformation:{region}:123456789012:stackset/prod-network:1b2c"
    assert matcher.matches_event(ended("FAILED", arn))
    assert not matcher.matches_event(ended("FAILED", arn.replace(partition, "aws")))


def test_both_templates_have_one_pattern(deploy):
    for number, parameters in enumerate(({}, {"StackSetNamePattern": "prod-*"})):
        first = notifier_pattern(deploy, name=f"notifier{number}", **parameters)
        second = forwarder_pattern(deploy, name=f"forwarder{number}", **parameters)
        assert first.get_pattern() == second.get_pattern()
