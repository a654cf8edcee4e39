"""What is plugged into what. Each of these values could be wrong and still deploy, pass every linter and go unnoticed."""

import shlex

import pytest

from stack import ACCOUNT, listed, statements, template

REPORTS = "arn:aws:sns:eu-central-1:222222222222:reports"
ALARMS = "arn:aws:sns:eu-central-1:222222222222:on-call"
KEY = "arn:aws:kms:eu-central-1:222222222222:key/1b2c3d4e-0000-4000-8000-000000000000"
OWN = {"TopicArn": REPORTS, "TopicKeyArn": KEY, "AlarmTopicArn": ALARMS}
EMAIL = {"EmailAddress": "platform@example.com"}
FORWARD = {"path": "deploy/forward-events.yaml", "DelegatedAdministratorAccountId": "333333333333"}
# Every id differs, so that none can stand for another.
SLACK = {"SlackWorkspaceId": "T0123ABCD", "SlackChannelId": "C0456EFGH"}
TEAMS = {
    "TeamsTenantId": "11111111-0000-4000-8000-000000000000",
    "TeamsTeamId": "22222222-0000-4000-8000-000000000000",
    "TeamsChannelId": "19%3ab6ef%40thread.tacv2",
}
FORTNIGHT = 14 * 24 * 60 * 60
VARIANTS = pytest.mark.parametrize("parameters", [{}, OWN, EMAIL], ids=["default", "own topic", "email"])


def chat(**parameters):
    """Whatever the parameter with the topics is called, and however many it takes."""
    (topics,) = [name for name in template("deploy/chat.yaml")["Parameters"] if name.startswith("TopicArn")]
    return {"path": "deploy/chat.yaml", topics: REPORTS, **SLACK, **TEAMS, **parameters}


@pytest.mark.parametrize("parameters, names", [
    ({}, {"FunctionOperationEnded"}), (OWN, {"FunctionOperationEnded"}), (EMAIL, {"FunctionOperationEnded"}),
    (FORWARD, {"OperationEnded"}),
], ids=["default", "own topic", "email", "forwarder"])
def test_rules_are_enabled_and_try_for_a_day(deploy, parameters, names):
    rules = deploy(**parameters).of_type("AWS::Events::Rule")
    assert rules.keys() == names
    for rule in rules.values():
        # What EventBridge takes where nothing is said.
        assert rule["Properties"].get("State", "ENABLED") == "ENABLED"
        (target,) = rule["Properties"]["Targets"]
        # The longest that EventBridge tries: an outage of hours must not cost a report.
        assert target["RetryPolicy"] == {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400}


@pytest.mark.parametrize("parameters, services", [
    ({}, {"FunctionRole": "lambda", "SweepRole": "scheduler"}),
    (OWN, {"FunctionRole": "lambda", "SweepRole": "scheduler"}),
    (FORWARD, {"ForwardRole": "events"}),
    (chat(), {"ChatRole": "chatbot"}),
], ids=["default", "own topic", "forwarder", "chat"])
def test_each_role_is_for_the_one_service_that_uses_it(deploy, parameters, services):
    roles = deploy(**parameters).of_type("AWS::IAM::Role")
    trusted = {}
    for name, role in roles.items():
        (trust,) = statements(role["Properties"]["AssumeRolePolicyDocument"])
        assert (trust["Effect"], trust["Action"]) == ("Allow", "sts:AssumeRole"), name
        trusted[name] = trust["Principal"]
    assert trusted == {name: {"Service": f"{service}.amazonaws.com"} for name, service in services.items()}


@pytest.mark.parametrize("more", [{}, {"AlarmTopicArn": ALARMS}], ids=["one topic", "alarms apart"])
@pytest.mark.parametrize("own", [{}, {"TopicArn": REPORTS}], ids=["made topic", "own topic"])
def test_reports_and_alarms_go_to_their_topics(deploy, own, more):
    stack = deploy(**own, **more)
    reports = REPORTS if own else stack.ref("Topic")
    assert stack.properties("Function")["Environment"]["Variables"]["TOPIC_ARN"] == reports
    # Who subscribes to the output waits for reports, not for alarms.
    assert stack.outputs["ReportTopicArn"] == reports
    alarms = stack.of_type("AWS::CloudWatch::Alarm")
    assert alarms
    for name, alarm in alarms.items():
        assert alarm["Properties"]["AlarmActions"] == [ALARMS if more else reports], name


@pytest.mark.parametrize("parameters", [{}, EMAIL, {"TopicKeyArn": KEY}], ids=["default", "email", "own key"])
def test_the_topics_policy_is_on_the_topic_and_about_it(deploy, parameters):
    stack = deploy(**parameters)
    topic = stack.ref("Topic")
    policy = stack.properties("TopicPolicy")
    assert policy["Topics"] == [topic]
    said = {one["Sid"]: (one["Effect"], one["Action"], one["Resource"]) for one in statements(policy["PolicyDocument"])}
    assert said == {
        "OwnerPublishes": ("Allow", "sns:Publish", topic),
        "AlarmsPublish": ("Allow", "sns:Publish", topic),
        "OnlyOverTls": ("Deny", "sns:Publish", topic),
    }


def test_the_account_administers_the_key(deploy):
    """Without it nobody could change or delete the key, and no IAM policy could allow its use."""
    account, _ = statements(deploy().properties("TopicKey")["KeyPolicy"])
    assert account == {
        "Sid": "AccountDecides", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "kms:*", "Resource": "*",
    }


def test_mail_goes_to_the_address_that_was_given(deploy):
    stack = deploy(**EMAIL)
    assert stack.properties("EmailSubscription") == {
        "TopicArn": stack.ref("Topic"), "Protocol": "email", "Endpoint": EMAIL["EmailAddress"],
    }


@pytest.mark.parametrize("parameters", [{}, OWN, FORWARD], ids=["default", "own topic", "forwarder"])
def test_dead_letters_wait_for_14_days(deploy, parameters):
    """The longest that SQS keeps anything: somebody may be on holiday."""
    queues = deploy(**parameters).of_type("AWS::SQS::Queue")
    assert {name: int(queue["Properties"]["MessageRetentionPeriod"]) for name, queue in queues.items()} == {
        "DeadLetterQueue": FORTNIGHT}


@VARIANTS
def test_a_sweep_is_not_tried_past_the_next_one(deploy, parameters):
    """Scheduler's own default is 185 times in a day, by which time the default schedule has run 24 more sweeps."""
    target = deploy(**parameters).properties("FunctionSweep")["Target"]
    assert target["RetryPolicy"] == {"MaximumRetryAttempts": 10, "MaximumEventAgeInSeconds": 3600}


# Another Region than the tests' usual one, lest a fixed one look right.
@pytest.mark.parametrize("region", ["eu-central-1", "ap-southeast-2"])
@VARIANTS
def test_outputs_name_what_this_stack_made(deploy, parameters, region):
    stack = deploy(region=region, **parameters)
    function = stack.ref("Function")
    assert stack.outputs["FunctionName"] == function
    assert stack.outputs["FunctionArn"] == stack.arn("Function")
    assert stack.outputs["FunctionArn"].startswith(f"arn:aws:lambda:{region}:{ACCOUNT}:function:")
    command = shlex.split(stack.outputs["ReportCommand"])
    assert command[:3] == ["aws", "lambda", "invoke"]
    assert command[command.index("--region") + 1] == region
    assert command[command.index("--function-name") + 1] == function
    command = shlex.split(stack.outputs["TailLogsCommand"])
    assert command[:4] == ["aws", "logs", "tail", stack.ref("LogGroup")]
    assert command[command.index("--region") + 1] == region


@pytest.mark.parametrize("path, names", [
    ("template.yaml", ["TopicKey", "DeadLetterQueue", "LogGroup", "LedgerTable"]),
    ("deploy/forward-events.yaml", ["DeadLetterQueue"]),
])
def test_nothing_stays_when_the_stack_goes(path, names):
    """A key that stays costs money for ever, and holds nothing: messages are encrypted with it for seconds only."""
    resources = template(path)["Resources"]
    for name in names:
        assert (resources[name]["DeletionPolicy"], resources[name]["UpdateReplacePolicy"]) == ("Delete", "Delete"), name


def test_the_licence_is_that_of_the_file_that_is_named():
    application = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    # The repository never takes another one after the first.
    assert (application["SpdxLicenseId"], application["LicenseUrl"]) == ("Apache-2.0", "LICENSE-APACHE")


def test_chat_ids_are_not_swapped(deploy):
    """Both of Slack's pass for each other, and so do two of Teams's: the patterns cannot distinguish them."""
    stack = deploy(**chat())
    slack, teams = stack.properties("SlackChannel"), stack.properties("TeamsChannel")
    assert {name: slack[name] for name in SLACK} == SLACK
    assert (teams["TeamsTenantId"], teams["TeamId"], teams["TeamsChannelId"]) == tuple(TEAMS.values())
    for channel in (slack, teams):
        assert channel["IamRoleArn"] == stack.arn("ChatRole")


@pytest.mark.parametrize("guardrail, policy", [
    ("deny-all", "AWSDenyAll"), ("read-only", "AWSCloudFormationReadOnlyAccess"),
])
def test_chat_can_do_what_its_guardrail_says(deploy, guardrail, policy):
    stack = deploy(**chat(ChatGuardrail=guardrail))
    for name in ("SlackChannel", "TeamsChannel"):
        # Without any the service applies AdministratorAccess.
        assert stack.properties(name)["GuardrailPolicies"] == [f"arn:aws:iam::aws:policy/{policy}"], name
    policies = stack.properties("ChatRole").get("Policies", [])
    if guardrail == "deny-all":
        assert policies == []
        return
    (policy,) = policies
    resources = {one["Sid"]: listed(one["Resource"]) for one in statements(policy["PolicyDocument"])}
    # All of this account's stack sets, in every Region: the channel may get reports about any.
    assert resources == {
        "ReadOperations": [f"arn:aws:cloudformation:*:{ACCOUNT}:stackset/*"], "FindStackSets": ["*"],
    }


def test_the_forwarders_alarm_looks_at_what_waits(deploy):
    """What was sent is no measure: it would be silent while the letters lie there."""
    stack = deploy(**FORWARD, AlarmTopicArn=ALARMS)
    alarm = stack.properties("DeadLetterQueueAlarm")
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SQS", "ApproximateNumberOfMessagesVisible")
    assert (alarm["Statistic"], alarm["ComparisonOperator"]) == ("Maximum", "GreaterThanOrEqualToThreshold")
    assert float(alarm["Threshold"]) == 1
    queue = stack.resolved({"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]})
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": queue}]
    assert alarm["AlarmActions"] == [ALARMS]


def test_what_always_fails_does_so_at_once():
    """Whoever tests the notifier with it waits for the timeout; with the longest one, for 12 hours."""
    resources = template("deploy/always-fails.yaml")["Resources"]
    waits = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::CloudFormation::WaitCondition"]
    assert [(int(wait["Timeout"]), wait["Count"], wait["Handle"]) for wait in waits] == [(1, 1, {"Ref": "Nobody"})]
