"""What the templates deploy, after the SAM transform and with all conditions and functions resolved."""

import fnmatch
import itertools
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tomllib

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from policy_sentry.querying.conditions import get_condition_key_details

from bootstrap import metrics_in
from stack import ACCOUNT, MANAGEMENT, ROOT, cargo, listed, statements, template

KEY = "arn:aws:kms:eu-central-1:222222222222:key/1b2c3d4e-0000-4000-8000-000000000000"
TOPIC = "arn:aws:sns:eu-central-1:222222222222:alerts"
OTHER_TOPIC = "arn:aws:sns:eu-central-1:222222222222:on-call"
UUID = "1b2c3d4e-0000-4000-8000-000000000000"
TEMPLATES = ("template.yaml", "deploy/forward-events.yaml", "deploy/chat.yaml")
RECIPES = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "deploy/recipes").glob("*.yaml"))
SLACK = {"SlackWorkspaceId": "T0123ABCD", "SlackChannelId": "C0123ABCD"}
TEAMS = {"TeamsTenantId": UUID, "TeamsTeamId": UUID, "TeamsChannelId": "19%3ab6ef%40thread.tacv2"}
ALWAYS = {
    "Function", "FunctionEventInvokeConfig", "FunctionOperationEnded", "FunctionOperationEndedPermission",
    "FunctionSweep", "SweepRole",
    "FunctionRole", "LogGroup", "DeadLetterQueue", "DeadLetterQueuePolicy", "ErrorsAlarm", "ThrottlesAlarm", "DurationAlarm",
    "DeadLetterQueueAlarm", "LostAfterFailureAlarm", "LostByRuleAlarm", "IncompleteReportsAlarm", "LedgerErrorsAlarm",
    "LedgerTable", "Dashboard",
}
# Properties that fix a resource's name.
NAMES = {
    "AliasName", "AlarmName", "ConfigurationName", "DashboardName", "FunctionName", "GroupName", "LogGroupName", "ManagedPolicyName",
    "Name", "QueueName", "RoleName", "RuleName", "StatementId", "TableName", "TopicName",
}
FORWARD = {"path": "deploy/forward-events.yaml", "DelegatedAdministratorAccountId": ACCOUNT}
CHAT = {"path": "deploy/chat.yaml", "TopicArns": TOPIC}


@pytest.mark.parametrize("parameters, more", [
    ({}, {"Topic", "TopicPolicy", "TopicKey"}),
    ({"EmailAddress": "platform@example.com"}, {"Topic", "TopicPolicy", "TopicKey", "EmailSubscription"}),
    ({"TopicKeyArn": KEY}, {"Topic", "TopicPolicy"}),
    ({"TopicArn": TOPIC}, set()),
    ({"TopicArn": TOPIC, "TopicKeyArn": KEY}, set()),
    ({"TopicArn": TOPIC, "ManagementAccountId": MANAGEMENT}, {"ForwardedEvents"}),
    ({"TopicArn": TOPIC, "ManagementAccountId": ACCOUNT}, set()),
])
def test_only_what_was_asked_for(deploy, parameters, more):
    stack = deploy(**parameters)
    assert stack.resources.keys() == ALWAYS | more
    assert stack.failed_rules() == []


@pytest.mark.parametrize("parameters, channels", [
    (SLACK, {"SlackChannel"}),
    (TEAMS, {"TeamsChannel"}),
    ({**SLACK, **TEAMS}, {"SlackChannel", "TeamsChannel"}),
])
def test_only_the_chat_that_was_asked_for(deploy, parameters, channels):
    stack = deploy(**CHAT, **parameters)
    assert stack.resources.keys() == {"ChatRole"} | channels
    assert stack.failed_rules() == []


def test_parameters_that_need_each_other(deploy):
    for number, (parameters, failed) in enumerate([
        ({**CHAT, **TEAMS, "SlackWorkspaceId": "T0"}, "SlackWorkspaceId and SlackChannelId go together"),
        ({**CHAT, **TEAMS, "SlackChannelId": "C0"}, "SlackWorkspaceId and SlackChannelId go together"),
        ({**CHAT, **SLACK, "TeamsTenantId": UUID}, "TeamsTenantId, TeamsTeamId and TeamsChannelId go together"),
        (CHAT, "give the ids of a Slack channel, of a Microsoft Teams channel, or of both"),
        ({"EmailAddress": "platform@example.com", "TopicArn": TOPIC},
         "EmailAddress subscribes to the topic that is made here; subscribe to your own topic yourself"),
    ]):
        assert deploy(name=f"s{number}", **parameters).failed_rules() == [failed]


def test_several_copies_do_not_collide(deploy):
    """In one account and Region, beside each other and beside the forwarding template."""
    every = {"ManagementAccountId": MANAGEMENT}
    # A channel can have one configuration in an account, so each copy of the chat has channels of its own.
    others = {"SlackWorkspaceId": SLACK["SlackWorkspaceId"], "SlackChannelId": "C0456EFGH",
              **TEAMS, "TeamsChannelId": "19%3ac7f0a%40thread.tacv2"}
    stacks = [deploy(name="one", **every), deploy(name="two", **every), deploy(name="three", **FORWARD),
              deploy(name="four", **CHAT, **SLACK, **TEAMS), deploy(name="five", **CHAT, **others)]
    channels = [stack.properties(name)[key] for stack in stacks[3:]
                for name, key in (("SlackChannel", "SlackChannelId"), ("TeamsChannel", "TeamsChannelId"))]
    assert len(channels) == len(set(channels)) == 4
    names = []
    for stack in stacks:
        for name, resource in stack.resources.items():
            # moto has no id for what it cannot deploy.
            names += [one for one in [stack.physical_ids.get(name, "").strip()] if one]
            for key, value in resource["Properties"].items():
                # The permission, the invoke config and the alarms refer to names; they do not give them.
                refers = key == "FunctionName" and resource["Type"] != "AWS::Lambda::Function"
                if key in NAMES and not refers:
                    names.append((resource["Type"], value))
    assert len(names) == len(set(names)), sorted(map(str, names))


def test_generated_names_are_the_only_ones():
    """Whatever has a name of its own in the templates takes it from the stack's."""
    for path in TEMPLATES:
        for name, resource in template(path)["Resources"].items():
            for key in NAMES & resource.get("Properties", {}).keys():
                assert "AWS::Stack" in json.dumps(resource["Properties"][key]), f"{name} has the fixed {key}"


def test_chat_names_fit(deploy):
    """A configuration's name has at most 128 letters; stack names above 100 are nobody's."""
    stack = deploy(name="s" * 100, region="ap-southeast-2", **CHAT, **SLACK, **TEAMS)
    for name, kind in (("SlackChannel", "slack"), ("TeamsChannel", "teams")):
        value = stack.properties(name)["ConfigurationName"]
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,128}", value) and value.endswith(kind)


@pytest.mark.parametrize("parameters", [{}, FORWARD])
def test_every_dead_letter_queue_lets_its_rule_in(deploy, parameters):
    stack = deploy(**parameters)
    rules = stack.of_type("AWS::Events::Rule")
    assert rules
    for name, rule in rules.items():
        for target in rule["Properties"]["Targets"]:
            queue = target["DeadLetterConfig"]["Arn"]
            assert 0 < target["RetryPolicy"]["MaximumRetryAttempts"] <= 185
            assert 60 <= target["RetryPolicy"]["MaximumEventAgeInSeconds"] <= 86400
            policies = [
                policy["Properties"] for policy in stack.of_type("AWS::SQS::QueuePolicy").values()
                if stack.ref("DeadLetterQueue") in policy["Properties"]["Queues"]
            ]
            assert len(policies) == 1
            allow, deny = statements(policies[0]["PolicyDocument"])
            assert allow == {
                "Sid": "RuleSends", "Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage", "Resource": queue,
                "Condition": {"ArnEquals": {"aws:SourceArn": stack.arn(name)}},
            }
            assert (deny["Effect"], deny["Principal"], deny["Action"], deny["Resource"]) == ("Deny", "*", "sqs:*", queue)
            assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    for queue in stack.of_type("AWS::SQS::Queue").values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True


def test_failed_events_are_kept(deploy):
    stack = deploy()
    config = stack.properties("FunctionEventInvokeConfig")
    assert config["DestinationConfig"] == {"OnFailure": {"Destination": stack.arn("DeadLetterQueue")}}
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (2, 21600)
    # Only the rule may invoke the function.
    permission = stack.properties("FunctionOperationEndedPermission")
    assert permission["Principal"] == "events.amazonaws.com"
    assert permission["SourceArn"] == stack.arn("FunctionOperationEnded")


def test_the_schedule(deploy):
    stack = deploy()
    schedule = stack.properties("FunctionSweep")
    assert (schedule["ScheduleExpression"], schedule["State"]) == ("rate(1 hour)", "ENABLED")
    variables = stack.properties("Function")["Environment"]["Variables"]
    assert variables["SWEEP_ENABLED"] == "true"
    # Its name would be the event's in every stack.
    assert "Name" not in schedule
    target = schedule["Target"]
    assert target["Arn"] == stack.arn("Function") and target["RoleArn"] == stack.arn("SweepRole")
    # Without an Input the event is the one that the function knows.
    assert "Input" not in target
    assert target["DeadLetterConfig"] == {"Arn": stack.arn("DeadLetterQueue")}
    role = stack.properties("SweepRole")
    (trust,) = statements(role["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"Service": "scheduler.amazonaws.com"} and trust["Action"] == "sts:AssumeRole"
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    (policy,) = role["Policies"]
    assert statements(policy["PolicyDocument"]) == [
        {"Sid": "InvokeFunction", "Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": stack.arn("Function")},
        {"Sid": "KeepDeadLetters", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": stack.arn("DeadLetterQueue")},
    ]
    other = deploy(name="two", SweepSchedule="cron(0 8 * * ? *)").properties("FunctionSweep")
    assert (other["ScheduleExpression"], other["State"]) == ("cron(0 8 * * ? *)", "ENABLED")


def test_an_empty_schedule_is_no_sweep(deploy):
    stack = deploy(SweepSchedule="")
    assert stack.properties("FunctionSweep")["State"] == "DISABLED"
    assert stack.properties("Function")["Environment"]["Variables"]["SWEEP_ENABLED"] == "false"


def test_the_topic_is_closed(deploy):
    stack = deploy()
    topic = stack.outputs["ReportTopicArn"]
    assert stack.properties("Topic")["KmsMasterKeyId"] == stack.arn("TopicKey")
    owner, alarms, tls = statements(stack.properties("TopicPolicy")["PolicyDocument"])
    assert owner["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert (owner["Effect"], owner["Action"], owner["Resource"]) == ("Allow", "sns:Publish", topic)
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    only_ours = {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:cloudwatch:eu-central-1:{ACCOUNT}:alarm:one-*"},
    }
    assert alarms["Condition"] == only_ours
    assert (tls["Effect"], tls["Principal"], tls["Action"]) == ("Deny", "*", "sns:Publish")
    assert tls["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    # Alarms must be able to encrypt, too.
    account, alarms = statements(stack.properties("TopicKey")["KeyPolicy"])
    assert account["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    # By account only: the SNS guide does not say that the alarm's ARN reaches KMS. The topic's policy has it.
    assert alarms["Action"] == ["kms:Decrypt", "kms:GenerateDataKey*"]
    assert alarms["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    # What docs/deploy.md says of a key of one's own is what the template does for the key that it makes.
    (snippet,) = re.findall(r"```json\n(.+?)```", (ROOT / "docs/deploy.md").read_text(), re.DOTALL)
    assert json.loads(snippet.replace('"ACCOUNT"', f'"{ACCOUNT}"')) == alarms
    assert deploy(name="two", TopicKeyArn=KEY).properties("Topic")["KmsMasterKeyId"] == KEY


def test_wildcards_in_resource_policies():
    """A wildcard in an Allow is only the key policy's, where it means the key."""
    for path in TEMPLATES:
        for name, resource in template(path)["Resources"].items():
            for key in ("PolicyDocument", "KeyPolicy", "AssumeRolePolicyDocument", "Statement"):
                document = resource.get("Properties", {}).get(key)
                for statement in listed(document.get("Statement", document)) if document else []:
                    if statement["Effect"] != "Allow":
                        continue
                    assert statement["Principal"] not in ("*", {"AWS": "*"}), name
                    if key != "KeyPolicy":
                        assert statement.get("Resource") != "*" and "*" not in str(statement["Action"]), name


def test_every_suppression_suppresses_something():
    results = json.loads((ROOT / "target/template/checkov.json").read_text())["results"]
    assert results["failed_checks"] == []
    used = {(check["repo_file_path"].lstrip("/"), check["resource"].split(".")[-1], check["check_id"])
            for check in results["skipped_checks"]}
    said = set()
    for path in (*TEMPLATES, *RECIPES):
        for name, resource in template(path)["Resources"].items():
            for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
                assert skip["comment"], name
                said.add((path, name, skip["id"]))
    assert said == used


def test_checkov_sees_the_policies(deploy, tmp_path):
    """It does not read policies with conditional statements, so it gets them resolved."""
    for number, parameters in enumerate([
        {"ManagementAccountId": MANAGEMENT}, FORWARD, {**CHAT, **SLACK, "ChatGuardrail": "read-only"},
    ]):
        stack = deploy(name=f"s{number}", **parameters)
        resources = stack.of_type("AWS::IAM::Role")
        (tmp_path / f"{number}.json").write_text(
            json.dumps({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources}))
    # Trust, administration, privilege escalation, exfiltration, credentials, permissions management, unbounded writes.
    checks = "CKV_AWS_60,CKV_AWS_61,CKV_AWS_62,CKV_AWS_63,CKV_AWS_107,CKV_AWS_108,CKV_AWS_109,CKV_AWS_110,CKV_AWS_111"
    checkov = pathlib.Path(sys.executable).parent / "checkov"
    run = subprocess.run(
        [checkov, "--directory", tmp_path, "--framework", "cloudformation", "--skip-download", "--compact",
         "--output", "json", "--check", checks], capture_output=True, text=True)
    results = json.loads(run.stdout)["results"]
    passed = {check["resource"] for check in results["passed_checks"]}
    assert passed >= {f"AWS::IAM::Role.{name}" for name in ("FunctionRole", "SweepRole", "ChatRole", "ForwardRole")}
    assert results["failed_checks"] == [], run.stdout


@pytest.mark.parametrize("guardrail, guard, actions", [
    ("deny-all", "AWSDenyAll", set()),
    ("read-only", "AWSCloudFormationReadOnlyAccess", {
        "cloudformation:DescribeStackSetOperation", "cloudformation:ListStackInstances",
        "cloudformation:ListStackSetOperationResults", "cloudformation:ListStackSetOperations",
        "cloudformation:ListStackSets",
    }),
])
def test_chat_can_do_no_more_than_it_was_allowed(deploy, guardrail, guard, actions):
    stack = deploy(ChatGuardrail=guardrail, **CHAT, **SLACK, **TEAMS)
    role = stack.properties("ChatRole")
    assert "ManagedPolicyArns" not in role
    policies = [statements(policy["PolicyDocument"]) for policy in role.get("Policies", [])]
    assert set(itertools.chain(*[listed(one["Action"]) for one in itertools.chain(*policies)])) == actions
    (trust,) = statements(role["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"Service": "chatbot.amazonaws.com"}
    for name in ("SlackChannel", "TeamsChannel"):
        channel = stack.properties(name)
        # Without guardrails the service would apply AdministratorAccess.
        assert channel["GuardrailPolicies"] == [f"arn:aws:iam::aws:policy/{guard}"]
        assert channel["SnsTopicArns"] == [TOPIC]
        assert channel["IamRoleArn"] == stack.arn("ChatRole")
        assert any(name in json.dumps(output) for output in template("deploy/chat.yaml")["Outputs"].values())
    wild = [one["Action"] for one in itertools.chain(*policies) if one["Resource"] == "*"]
    assert wild == (["cloudformation:ListStackSets"] if actions else [])
    # The guardrail is a policy of AWS's that there is, and it does not take back what the role gives.
    document = json.dumps(json.loads(aws_managed_policies_data)[guard]["Document"])
    for action in actions:
        assert IAMPolicy(document).is_action_permitted(action, "*") == PermissionResult.PERMITTED
    for action in ("logs:GetLogEvents", "s3:GetObject", "cloudformation:DeleteStackSet"):
        assert IAMPolicy(document).is_action_permitted(action, "*") != PermissionResult.PERMITTED


def test_one_channel_takes_the_topics_of_several_copies(deploy):
    """AWS refuses a second configuration of a Slack channel in an account, so one stack has to do for all."""
    stack = deploy(**{**CHAT, "TopicArns": f"{TOPIC},{OTHER_TOPIC}"}, **SLACK, **TEAMS)
    for name in ("SlackChannel", "TeamsChannel"):
        assert stack.properties(name)["SnsTopicArns"] == [TOPIC, OTHER_TOPIC]


def test_the_notifier_has_no_type_that_some_partition_lacks():
    """CloudFormation may refuse a type that its Region does not know, also where a condition leaves it out."""
    kinds = {resource["Type"] for resource in template()["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("AWS::Chatbot::")]


@pytest.mark.parametrize("region, format, traces", [
    ("eu-central-1", "JSON", True), ("cn-north-1", "JSON", False), ("us-gov-west-1", "Text", True),
])
def test_other_partitions(deploy, region, format, traces):
    """AWS documents that GovCloud lacks Lambda's JSON logs, and China its integration with X-Ray."""
    stack = deploy(region=region)
    function = stack.properties("Function")
    # Lambda takes levels with the format JSON only.
    levels = {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"} if format == "JSON" else {}
    assert function["LoggingConfig"] == {"LogFormat": format, "LogGroup": stack.ref("LogGroup"), **levels}
    assert function["TracingConfig"] == {"Mode": "Active" if traces else "PassThrough"}
    # The role may write traces only if the function makes any.
    (policy,) = stack.properties("FunctionRole")["Policies"]
    said = {one["Sid"] for one in statements(policy["PolicyDocument"])}
    assert ("WriteTraces" in said) == traces


@pytest.mark.parametrize("name", ["forwarder", "f" * 60, "StackSet-" + "f" * 50 + "-" + UUID])
def test_the_forwarding_role_trusts_its_rule_whatever_the_stack_is_called(deploy, name):
    """The rule's name is generated: a rule's has at most 64 characters, so a long stack name is cut."""
    stack = deploy(name=name, **FORWARD)
    (trust,) = statements(stack.properties("ForwardRole")["AssumeRolePolicyDocument"])
    pattern = trust["Condition"]["ArnLike"]["aws:SourceArn"]
    suffix = "-OperationEnded-1A2B3C4D5E6F"
    rule = name[:64 - len(suffix)] + suffix
    assert fnmatch.fnmatchcase(f"arn:aws:events:eu-central-1:{ACCOUNT}:rule/{rule}", pattern)
    assert not fnmatch.fnmatchcase(f"arn:aws:events:eu-central-1:{MANAGEMENT}:rule/{rule}", pattern)
    assert not fnmatch.fnmatchcase(f"arn:aws:events:us-east-1:{ACCOUNT}:rule/{rule}", pattern)
    assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}


def test_forwarding_fits_together(deploy):
    notifier = deploy(name="one", ManagementAccountId=MANAGEMENT)
    forwarder = deploy(name="two", **FORWARD)
    bus = f"arn:aws:events:eu-central-1:{ACCOUNT}:event-bus/default"
    door = notifier.properties("ForwardedEvents")
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", door["StatementId"])
    statement = door["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"}
    assert (statement["Action"], statement["Resource"]) == ("events:PutEvents", bus)
    pattern = forwarder.properties("OperationEnded")["EventPattern"]
    assert [statement["Condition"]["ForAllValues:StringEquals"]["events:source"]] == pattern["source"]
    assert [statement["Condition"]["StringEquals"]["events:detail-type"]] == pattern["detail-type"]
    # A key with several values needs an operator for sets, and that one is true of a key without any.
    for operator, keys in statement["Condition"].items():
        for key in keys:
            several = get_condition_key_details("events", key)["condition_value_type"].startswith("arrayof")
            assert operator == "Null" or operator.startswith("ForAllValues:") == several, (operator, key)
            assert not several or statement["Condition"]["Null"][key] == "false"
    (target,) = forwarder.properties("OperationEnded")["Targets"]
    assert target["Arn"] == bus and target["RoleArn"] == forwarder.arn("ForwardRole")
    (policy,) = forwarder.properties("ForwardRole")["Policies"]
    assert statements(policy["PolicyDocument"]) == [
        {"Sid": "PutOnTheirBus", "Effect": "Allow", "Action": "events:PutEvents", "Resource": bus},
    ]
    assert notifier.outputs["ForwardEventsTo"] == ACCOUNT


def terms(alarm):
    """When an alarm goes off."""
    periods = alarm["EvaluationPeriods"]
    return (alarm["Statistic"], alarm["Period"], periods, alarm.get("DatapointsToAlarm", periods), alarm["Threshold"],
            {"GreaterThanThreshold": ">", "GreaterThanOrEqualToThreshold": ">="}[alarm["ComparisonOperator"]])


def test_alarms(deploy):
    stack = deploy()
    alarms = {name: alarm["Properties"] for name, alarm in stack.of_type("AWS::CloudWatch::Alarm").items()}
    function = stack.outputs["FunctionName"]
    watched = {}
    for name, alarm in alarms.items():
        ((dimension, value),) = [(one["Name"], one["Value"]) for one in alarm["Dimensions"]]
        watched[name] = (alarm["Namespace"], alarm["MetricName"], (dimension, value))
        assert alarm["AlarmActions"] == [stack.outputs["ReportTopicArn"]]
        assert alarm["TreatMissingData"] == "notBreaching"
    of_function = ("FunctionName", function)
    assert watched == {
        "ErrorsAlarm": ("AWS/Lambda", "Errors", of_function),
        "ThrottlesAlarm": ("AWS/Lambda", "Throttles", of_function),
        "DurationAlarm": ("AWS/Lambda", "Duration", of_function),
        "DeadLetterQueueAlarm": ("AWS/SQS", "ApproximateNumberOfMessagesVisible",
                                 ("QueueName", stack.resolved({"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}))),
        "LostAfterFailureAlarm": ("AWS/Lambda", "DestinationDeliveryFailures", of_function),
        "LostByRuleAlarm": ("AWS/Events", "InvocationsFailedToBeSentToDlq",
                            ("RuleName", stack.ref("FunctionOperationEnded"))),
        "IncompleteReportsAlarm": ("StackSetNotifier", "IncompleteReports", of_function),
        "LedgerErrorsAlarm": ("StackSetNotifier", "LedgerErrors", of_function),
    }
    # Statistic, seconds, periods, how many of them must be bad, threshold and operator.
    assert {name: terms(alarm) for name, alarm in alarms.items()} == {
        "ErrorsAlarm": ("Sum", 300, 5, 1, 1, ">="),
        "ThrottlesAlarm": ("Sum", 300, 6, 3, 1, ">="),
        "DurationAlarm": ("Maximum", 300, 5, 1, 630_000, ">"),
        "DeadLetterQueueAlarm": ("Maximum", 300, 1, 1, 1, ">="),
        "LostAfterFailureAlarm": ("Sum", 300, 1, 1, 1, ">="),
        "LostByRuleAlarm": ("Sum", 300, 1, 1, 1, ">="),
        "IncompleteReportsAlarm": ("Sum", 300, 1, 1, 1, ">="),
        "LedgerErrorsAlarm": ("Sum", 300, 1, 1, 1, ">="),
    }
    # AWS does not say that FILL makes numbers of a metric that never had one.
    assert [name for name, alarm in alarms.items() if "FILL" in json.dumps(alarm)] == []

    # The forwarder's are the same, with a topic of the management account's, and without a topic there are none.
    forwarder = deploy(name="three", AlarmTopicArn=OTHER_TOPIC, **FORWARD)
    theirs = {name: alarm["Properties"] for name, alarm in forwarder.of_type("AWS::CloudWatch::Alarm").items()}
    assert {name: (terms(alarm), alarm["MetricName"], alarm["TreatMissingData"]) for name, alarm in theirs.items()} == {
        name: (terms(alarms[name]), alarms[name]["MetricName"], "notBreaching")
        for name in ("DeadLetterQueueAlarm", "LostByRuleAlarm")}
    assert [alarm["AlarmActions"] for alarm in theirs.values()] == [[OTHER_TOPIC]] * 2
    assert theirs["LostByRuleAlarm"]["Namespace"] == "AWS/Events"
    assert theirs["LostByRuleAlarm"]["Dimensions"] == [{"Name": "RuleName", "Value": forwarder.ref("OperationEnded")}]
    assert not deploy(name="four", **FORWARD).of_type("AWS::CloudWatch::Alarm")
    other = deploy(name="two", AlarmTopicArn=OTHER_TOPIC)
    for alarm in other.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == [OTHER_TOPIC]


def test_an_incomplete_report_raises_its_alarm(deploy):
    """The log is the binary's own, of a report that was incomplete; `cargo test` leaves it."""
    alarm = deploy().properties("IncompleteReportsAlarm")
    log = (ROOT / "target/tmp/incomplete-report.log").read_text()
    (dimension,) = alarm["Dimensions"]
    # The name that Lambda gives to the function: the alarm's is a reference to it.
    values = metrics_in(log)[alarm["Namespace"], alarm["MetricName"], ((dimension["Name"], "stackset-notifier"),)]
    assert alarm["Statistic"] == "Sum" and sum(values) == 1
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold" and sum(values) >= alarm["Threshold"]
    assert alarm["EvaluationPeriods"] == 1 and "DatapointsToAlarm" not in alarm


@pytest.mark.parametrize("name", ["ErrorsAlarm", "DurationAlarm"])
def test_an_alarm_still_looks_at_the_beginning_of_the_longest_run_when_that_has_ended(deploy, name):
    """Lambda stamps a metric with the time of the invocation, and knows it at the end."""
    _, period, periods, needed, *_ = terms(deploy().properties(name))
    # The first period has begun before the run, and the metric is some minutes on its way.
    assert period * periods >= timeout() + period + 300
    assert needed == 1


def timeout():
    return template()["Resources"]["Function"]["Properties"]["Timeout"]


def publish_reserve():
    """Seconds at the end of an invocation that are not for reading, at most a quarter of all."""
    source = (ROOT / "src/time_budget.rs").read_text()
    (reserve,) = map(int, re.findall(r"const PUBLISH: Duration = Duration::from_secs\((\d+)\);", source))
    assert "self.deadline - PUBLISH.min(self.whole() / 4)" in source, "the reserve is computed as below"
    return reserve


def test_every_run_that_is_out_of_time_raises_the_duration_alarm(deploy):
    """Reading ends a reserve before the timeout; a threshold above that could never be reached."""
    alarm = deploy().properties("DurationAlarm")
    # docs/deploy.md says what share of the timeout it is, for who changes that.
    assert alarm["Threshold"] == 700 * timeout()
    reading_ends = 1000 * (timeout() - min(timeout() / 4, publish_reserve()))
    assert reading_ends > alarm["Threshold"]


def test_the_largest_operation_is_read_before_half_of_the_time():
    """At half of the time the reader turns to the failures, which costs pages more: see src/read.rs."""
    pages, milliseconds = 100_000 // 100, 400
    assert pages * milliseconds / 1000 < (timeout() - publish_reserve()) / 2


def test_retries_fit_into_the_age_of_an_event(deploy):
    config = deploy().properties("FunctionEventInvokeConfig")
    # Lambda waits for one minute before the second attempt and for two before the third.
    assert 3 * timeout() + 60 + 120 < config["MaximumEventAgeInSeconds"]


def test_literals_are_compared_as_text():
    """Parameters are text to Fn::Equals, numbers too."""
    def equals(value):
        if isinstance(value, dict):
            yield from value.get("Fn::Equals", [])
            for one in value.values():
                yield from equals(one)
        elif isinstance(value, list):
            for one in value:
                yield from equals(one)

    for path in TEMPLATES:
        document = template(path)
        operands = list(equals({"conditions": document["Conditions"], "rules": document.get("Rules", {})}))
        assert operands and all(isinstance(one, (str, dict)) for one in operands), path


@pytest.mark.parametrize("parameters, delegated", [
    ({}, False), ({"ManagementAccountId": MANAGEMENT}, True), ({"ManagementAccountId": ACCOUNT}, False),
])
def test_a_report_by_hand_is_asked_for_in_the_right_capacity(deploy, parameters, delegated):
    """A bare name says nothing of the owner, so that the function would read it as SELF."""
    command = shlex.split(deploy(**parameters).outputs["ReportCommand"])
    payload = json.loads(command[command.index("--payload") + 1])
    expected = {"stackSetName": "...", "operationId": "..."}
    assert payload == ({**expected, "callAs": "DELEGATED_ADMIN"} if delegated else expected)
    # The CLI would give up after a minute, and ask again while the function still reads.
    assert int(command[command.index("--cli-read-timeout") + 1]) >= timeout()


def test_the_ledger(deploy):
    stack = deploy()
    table = stack.properties("LedgerTable")
    assert stack.properties("Function")["Environment"]["Variables"]["LEDGER_TABLE"] == stack.outputs["LedgerTableName"]
    # The key, and the attribute with the record's end, are those that the code writes: check-ledger shows it.
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expiration", "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {"SSEEnabled": True}
    # No name of its own, and nothing of it stays when the stack goes.
    assert "TableName" not in table
    assert [template()["Resources"]["LedgerTable"][policy] for policy in ("DeletionPolicy", "UpdateReplacePolicy")] == [
        "Delete", "Delete"]


def test_every_alarm_says_what_it_means_and_what_to_do_first():
    """Two sentences, of which the second ends in the place in the runbook."""
    runbook = (ROOT / "docs/runbook.md").read_text()
    anchors = {section.lower().replace(" ", "-") for section in re.findall(r"^## ([A-Za-z ]+)$", runbook, re.MULTILINE)}
    seen = set()
    for path in TEMPLATES:
        for name, resource in template(path)["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                said = re.sub(r"\s+", " ", resource["Properties"]["AlarmDescription"]).strip()
                meaning, first_step = said.split(". ")
                assert "stackset-notifier" in meaning, "in a chat channel nobody knows whose alarm it is"
                (anchor,) = re.findall(r": docs/runbook\.md#([a-z-]+)\.$", first_step)
                assert anchor in anchors, name
                seen.add(anchor)
    # "Sweeps" has no alarm of its own.
    assert anchors - seen == {"sweeps"}


def widgets(stack):
    return json.loads(stack.properties("Dashboard")["DashboardBody"])["widgets"]


@pytest.mark.parametrize("parameters, topic, region", [
    ({}, None, "eu-central-1"), ({"TopicArn": TOPIC.replace("eu-central-1", "us-east-1")}, "alerts", "us-east-1"),
], ids=["default", "own topic"])
def test_the_dashboard_shows_metrics_that_there_are(deploy, parameters, topic, region):
    """Those of the function are what its own log holds; `cargo test` leaves two of them."""
    stack = deploy(**parameters)
    logs = [(ROOT / "target/tmp" / name).read_text() for name in ("metrics.log", "sweep.log")]
    written = {(namespace, name, tuple(key for key, _ in dimensions))
               for log in logs for namespace, name, dimensions in metrics_in(log)}
    of_aws = {
        ("AWS/Lambda", "Errors", ("FunctionName",)), ("AWS/Lambda", "Throttles", ("FunctionName",)),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible", ("QueueName",)),
        ("AWS/SNS", "NumberOfNotificationsFailed", ("TopicName",)),
    }
    ours = {
        "FunctionName": stack.outputs["FunctionName"],
        "QueueName": stack.resolved({"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}),
        "TopicName": topic or stack.outputs["ReportTopicArn"].split(":")[-1],
    }
    shown = set()
    for widget in widgets(stack):
        properties = widget["properties"]
        assert properties["region"] == "eu-central-1" and properties["title"], properties
        for metric in properties["metrics"]:
            if isinstance(metric[0], dict):
                schema, name, function = re.fullmatch(
                    r"""SEARCH\('\{(.+)\} MetricName="(\w+)" FunctionName="(.+)"', 'Sum', 3600\)""",
                    metric[0]["expression"]).groups()
                assert function == ours["FunctionName"]
                namespace, *dimensions = schema.split(",")
                shown.add((namespace, name, tuple(dimensions)))
                continue
            namespace, name, dimension, value, *more = metric
            assert value == ours[dimension], metric
            if namespace == "AWS/SNS":
                assert more[0]["region"] == region, "where the topic is, its metrics are"
            shown.add((namespace, name, (dimension,)))
    assert shown <= written | of_aws, shown - written - of_aws
    assert of_aws <= shown
    for name in ("ReportsPublished", "SweepReports", "Retries", "OldestUnreportedAge"):
        assert ("StackSetNotifier", name, ("FunctionName",)) in shown
    assert ("StackSetNotifier", "TargetsFailed", ("FunctionName", "Cause")) in shown


def test_the_dashboards_widgets_do_not_overlap(deploy):
    cells = [(column, row) for one in widgets(deploy())
             for column in range(one["x"], one["x"] + one["width"]) for row in range(one["y"], one["y"] + one["height"])]
    assert len(cells) == len(set(cells)) and max(column for column, _ in cells) < 24


def test_the_function(deploy):
    stack = deploy()
    function = stack.properties("Function")
    assert (function["Runtime"], function["Handler"], function["Architectures"]) == ("provided.al2023", "bootstrap", ["arm64"])
    assert function["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO",
        "LogGroup": stack.ref("LogGroup"),
    }
    assert function["TracingConfig"] == {"Mode": "Active"}
    assert function["Environment"]["Variables"]["TOPIC_ARN"] == stack.outputs["ReportTopicArn"]
    assert stack.properties("LogGroup")["RetentionInDays"] in (30, "30")
    assert (int(function["MemorySize"]), int(function["Timeout"])) == (256, 900)
    # Accounts with a low limit refuse to reserve anything, and the template must deploy everywhere.
    assert "ReservedConcurrentExecutions" not in function
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    for number, parameters in enumerate([FORWARD, {**CHAT, **SLACK}]):
        bounded = deploy(name=f"bounded{number}", PermissionsBoundaryArn=boundary, **parameters)
        roles = bounded.of_type("AWS::IAM::Role").values()
        assert roles and [role["Properties"]["PermissionsBoundary"] for role in roles] == [boundary] * len(roles)


def test_tags_reach_what_sam_makes(deploy):
    function = template()["Resources"]["Function"]["Properties"]
    assert function["PropagateTags"] is True and function["Tags"] == {"Application": "stackset-notifier"}
    ours = {"Key": "Application", "Value": "stackset-notifier"}
    stack = deploy()
    assert ours in stack.properties("Function")["Tags"]
    made = {name: stack.resources[name] for name in stack.resources.keys() - template()["Resources"].keys()}
    takes = {name for name, resource in made.items() if "Tags" in PROVIDER_SCHEMA_MANAGER.get_resource_schema(
        "us-east-1", resource["Type"]).schema["properties"]}
    untagged = {name for name in takes if ours not in made[name]["Properties"].get("Tags", [])}
    assert made.keys() - takes == {"FunctionEventInvokeConfig", "FunctionOperationEndedPermission", "FunctionSweep"}
    # SAM knows no tags of rules. The rule has the same tag all the same: as that of the stack, by samconfig.toml.
    assert untagged == {"FunctionOperationEnded"}
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    assert config["default"]["deploy"]["parameters"]["tags"] == 'Application="stackset-notifier"'


def test_tags_of_a_stack_reach_what_takes_tags(deploy):
    """CloudFormation hands them to every type whose schema says that it takes tags; the others are parts of one."""
    stacks = [deploy(ManagementAccountId=MANAGEMENT, EmailAddress="platform@example.com"),
              deploy(name="two", **FORWARD), deploy(name="three", **CHAT, **SLACK, **TEAMS)]
    kinds = {resource["Type"] for stack in stacks for resource in stack.document["Resources"].values()}
    schemas = {kind: PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema for kind in kinds}
    assert {kind for kind, schema in schemas.items() if "Tags" not in schema["properties"]} == {
        "AWS::Events::EventBusPolicy", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission",
        "AWS::SNS::Subscription", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule",
    }


def test_what_is_built_is_the_packages_binary():
    metadata = template()["Resources"]["Function"]["Metadata"]
    assert metadata["BuildMethod"] == "rust-cargolambda"
    assert metadata["BuildProperties"] == {"Binary": cargo()["package"]["name"]}


def test_the_applications_metadata():
    application = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert application["SemanticVersion"] == cargo()["package"]["version"]
    assert application["Name"] == cargo()["package"]["name"]
    # The repository refuses capitals and spaces here, and intrinsic functions anywhere.
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", application["Author"])
    assert all(isinstance(value, (str, list)) for value in application.values())
    for file in ("LicenseUrl", "ReadmeUrl"):
        assert (ROOT / application[file]).is_file()
    assert len(application["Description"]) <= 256 and len(application["Labels"]) <= 10


@pytest.mark.parametrize("path", [*TEMPLATES, *RECIPES, "deploy/member-role.yaml"])
def test_parameters_explain_themselves(path):
    document = template(path)
    parameters = document["Parameters"]
    interface = document["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = list(itertools.chain(*[group["Parameters"] for group in interface["ParameterGroups"]]))
    assert sorted(grouped) == sorted(parameters) and interface["ParameterLabels"].keys() == parameters.keys()
    for name, parameter in parameters.items():
        assert parameter["Description"] and parameter["ConstraintDescription"], name
        default = parameter.get("Default")
        if "AllowedValues" in parameter:
            assert default is None or default in parameter["AllowedValues"], name
        elif parameter["Type"] == "Number":
            assert parameter["MinValue"] <= default <= parameter["MaxValue"], name
        else:
            # CloudFormation puts the pattern of a list to each of its items.
            items = default.split(",") if default and parameter["Type"] == "CommaDelimitedList" else [default]
            assert default is None or all(re.search(parameter["AllowedPattern"], item) for item in items), name


def test_the_template_asks_few_questions_and_each_in_one_sentence():
    """`sam deploy --guided` asks in the order of the parameters, the console in that of the groups."""
    document = template()
    groups = document["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    parameters = document["Parameters"]
    assert list(itertools.chain(*[group["Parameters"] for group in groups])) == list(parameters)
    assert len(parameters) <= 16
    for name, parameter in parameters.items():
        assert re.fullmatch(r"[A-Z]([^.]|\.(?! ))+\.", parameter["Description"]), name


@pytest.mark.parametrize("name, good, bad", [
    # Of template.yaml, or else of deploy/chat.yaml.
    ("StackSetNamePattern", ["*", "prod-*", "*-network", "a*b*c", "baseline"], ["", "**", "a**b", "a b", "a:b", "a/b"]),
    ("SweepSchedule", ["", "rate(1 hour)", "rate(1 minute)", "rate(15 minutes)", "rate(85 hours)", "rate(1 day)", "rate(3 days)", "cron(0 8 ? * MON-FRI *)"],
     ["rate(0 hours)", "rate(1 hours)", "rate(2 hour)", "rate(1 days)", "rate(1000 minutes)", "rate(1 week)", "at(2026-11-20T10:00:00)", "cron(0 8 * * *)"]),
    ("EmailAddress", ["", "platform@example.com"], ["platform", "a@b", "a b@example.com", "a@b.c,d@e.f"]),
    ("TopicArn", ["", TOPIC, TOPIC.replace("aws", "aws-us-gov")], ["alerts", TOPIC + ".fifo", TOPIC.replace("sns", "sqs")]),
    # CloudFormation puts the pattern of a list to each of its items.
    ("TopicArns", [TOPIC], ["", "alerts", TOPIC + ".fifo"]),
    ("AlarmTopicArn", ["", TOPIC], ["alerts", TOPIC + ".fifo"]),
    ("TopicKeyArn", ["", KEY, KEY.replace(UUID, "mrk-1b2c")], [UUID, "alias/aws/sns", KEY.replace("key/", "alias/")]),
    ("SlackWorkspaceId", ["", "T0123ABCD"], ["#alerts", "t0"]),
    ("SlackChannelId", ["", "C0123ABCD"], ["#alerts", "alerts-channel"]),
    ("TeamsTenantId", ["", UUID], ["contoso"]),
    ("TeamsTeamId", ["", UUID], ["platform"]),
    ("TeamsChannelId", ["", TEAMS["TeamsChannelId"]], ["19:b6ef@thread.tacv2", "General"]),
    ("MemberRoleName", ["", "stackset-notifier", "a+b=c,d.e@f_g"], ["*", "path/role", "a b", "r" * 65]),
    ("ManagementAccountId", ["", MANAGEMENT], ["1234", "o-1234567890"]),
    # Of the two templates that one command deploys.
    ("PermissionsBoundaryArn", ["", "arn:aws-cn:iam::123456789012:policy/path/boundary"], ["boundary"]),
])
def test_allowed_patterns(name, good, bad):
    parameters = {**template("deploy/chat.yaml")["Parameters"], **template()["Parameters"]}
    pattern, minimum = parameters[name]["AllowedPattern"], parameters[name].get("MinLength", 0)

    def takes(value):
        return re.fullmatch(pattern, value) is not None and len(value) >= minimum

    assert [takes(value) for value in good] == [True] * len(good)
    assert [takes(value) for value in bad] == [False] * len(bad)
