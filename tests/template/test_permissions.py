"""The role's policy: what the code calls, and nothing more.

The calls are those that reached the loopback AWS while all Rust tests ran, with SANDBOX_CALLS naming the file.
"""

import collections
import fnmatch
import itertools
import json
import os
import pathlib

import boto3
import pytest
from moto.iam.access_control import IAMPolicy, PermissionResult
from moto.utilities.utils import get_partition
from policy_sentry.querying.actions import get_action_data

from stack import ACCOUNT, MANAGEMENT, ROOT, listed, statements

Call = collections.namedtuple("Call", "package service action call_as region resource")
CALLS = pathlib.Path(os.environ.get("SANDBOX_CALLS", ROOT / "target/aws-calls.txt"))
TOPIC = "arn:aws:sns:us-east-1:222222222222:alerts"
KEY = "arn:aws:kms:us-east-1:222222222222:key/1b2c3d4e-0000-4000-8000-000000000000"

# What AWS does with the function's rights, not the code; each with the statement it is for.
LAMBDA = {"sqs:SendMessage": "KeepFailedEvents", "logs:CreateLogStream": "WriteLogs", "logs:PutLogEvents": "WriteLogs"}
X_RAY = {"xray:PutTelemetryRecords": "WriteTraces", "xray:PutTraceSegments": "WriteTraces"}
# SNS encrypts with the publisher's rights.
ENCRYPTION = {"kms:Decrypt": "EncryptReports", "kms:GenerateDataKey": "EncryptReports"}
# CloudFormation looks up whether the caller is registered.
REGISTRATION = {"organizations:ListDelegatedAdministrators": "ActAsDelegatedAdministrator"}

VARIANTS = {
    "default": ({}, [ENCRYPTION, X_RAY]),
    "own topic without a key": ({"TopicArn": TOPIC}, [X_RAY]),
    "own topic with a key": ({"TopicArn": TOPIC, "TopicKeyArn": KEY}, [ENCRYPTION, X_RAY]),
    "made topic with a key": ({"TopicKeyArn": KEY}, [ENCRYPTION, X_RAY]),
    "in the management account": ({"ManagementAccountId": ACCOUNT}, [ENCRYPTION, X_RAY]),
    "of a delegated administrator": ({"ManagementAccountId": MANAGEMENT}, [ENCRYPTION, X_RAY, REGISTRATION]),
    "without names": ({"AccountNames": "never"}, [ENCRYPTION, X_RAY]),
    "with a member role": ({"MemberRoleName": "read-stack-events"}, [ENCRYPTION, X_RAY]),
}


@pytest.fixture(scope="module")
def all_calls():
    assert CALLS.exists(), f"first run: SANDBOX_CALLS={CALLS} cargo test"
    calls = {Call(*line.split()) for line in CALLS.read_text().splitlines()}
    # The loopback AWS has tests of its own, which call it without our code.
    ours = {call for call in calls if call.package == "stackset-notifier"}
    assert {call.call_as for call in ours} >= {"SELF", "DELEGATED_ADMIN"}, "the tests read in both capacities"
    return ours


@pytest.fixture(scope="module")
def calls(all_calls):
    """Those with the function's own rights."""
    return {call for call in all_calls if not call.call_as.startswith("role/")}


def policy(stack):
    roles = stack.of_type("AWS::IAM::Role")
    (document,) = [one["PolicyDocument"] for one in roles["FunctionRole"]["Properties"]["Policies"]]
    return document


def allowed(document):
    """The actions, each with the statement that allows it."""
    actions = {}
    for statement in statements(document):
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            assert action not in actions, f"{action} is allowed twice"
            actions[action] = statement["Sid"]
    return actions


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_policy_is_what_the_code_calls_and_what_aws_does_for_it(deploy, calls, variant):
    parameters, platform = VARIANTS[variant]
    platform = dict(itertools.chain(*[more.items() for more in [LAMBDA, *platform]]))
    actions = allowed(policy(deploy(**parameters)))
    services = {call.service for call in calls}
    services -= {"organizations"} if parameters.get("AccountNames") == "never" else set()
    services -= set() if parameters.get("MemberRoleName") else {"sts"}
    made = {f"{call.service}:{call.action}" for call in calls if call.service in services}
    assert actions.keys() == made | platform.keys()
    assert {action: actions[action] for action in platform} == platform


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_action_exists_and_is_scoped_as_far_as_iam_can(deploy, variant):
    """The reference is the service authorization data that policy_sentry carries."""
    for statement in statements(policy(deploy(**VARIANTS[variant][0]))):
        for name in listed(statement["Action"]):
            service, action = name.split(":")
            known = get_action_data(service, action)
            assert known, f"{name} is no action"
            scopes = {row["resource_arn_format"] for row in known[service]} - {"*"}
            if statement["Resource"] == "*":
                assert not scopes, f"{name} could be scoped to {scopes}"
            else:
                assert scopes, f"{name} knows no resources"
                for arn in listed(statement["Resource"]):
                    # Roles are IAM's.
                    owner = {"sts": "iam"}.get(service, service)
                    assert arn.startswith("arn:aws:") and arn.split(":")[2] == owner, arn


def test_the_wildcards_are_the_explained_ones(deploy):
    wild = set()
    for number, (parameters, _) in enumerate(VARIANTS.values()):
        for statement in statements(policy(deploy(name=f"s{number}", **parameters))):
            assert not any("*" in action for action in listed(statement["Action"]))
            if "*" in listed(statement["Resource"]):
                wild.add(statement["Sid"])
    assert wild == {"ActAsDelegatedAdministrator", "FindStackSets", "WriteTraces"}


def permits(document, action, resource):
    return IAMPolicy(json.dumps(document)).is_action_permitted(action, resource) == PermissionResult.PERMITTED


def stack_set(name="prod-network", owner=ACCOUNT, region="eu-central-1", partition="aws"):
    return f"arn:{partition}:cloudformation:{region}:{owner}:stackset/{name}:1b2c3d4e-0000-4000-8000-000000000000"


def test_stack_sets_by_name_owner_and_region(deploy):
    self_only = policy(deploy(name="first", StackSetNamePattern="prod-*"))
    delegated = policy(deploy(name="second", StackSetNamePattern="prod-*", ManagementAccountId=MANAGEMENT))
    for action in (
        "DescribeStackSetOperation", "ListStackSetOperationResults", "ListStackSetOperations", "ListStackInstances",
    ):
        action = f"cloudformation:{action}"
        for document, arn, expected in [
            (self_only, stack_set(), True),
            (self_only, stack_set("test-network"), False),
            (self_only, stack_set(owner=MANAGEMENT), False),
            (self_only, stack_set(region="us-east-1"), False),
            (self_only, stack_set(partition="aws-cn"), False),
            (delegated, stack_set(), True),
            (delegated, stack_set(owner=MANAGEMENT), True),
            (delegated, stack_set(owner="222222222222"), False),
        ]:
            assert permits(document, action, arn) == expected, (action, arn)


def test_capacities_are_those_of_the_code(deploy):
    """`cargo test` leaves the capacity in which the code did read, by CALL_AS and by whose the stack set was.

    The template leaves CALL_AS at auto. Who adds DELEGATED_ADMIN reads the management account's, with the same rights.
    """
    seen = json.loads((ROOT / "target/tmp/capacities.json").read_text())
    reads = {(one["callAs"], one["owner"]): one["readsAs"] for one in seen}
    assert len(reads) == 6
    assert reads["DELEGATED_ADMIN", "foreign"] == reads["auto", "foreign"]
    for whose, owner in {"own": ACCOUNT, "foreign": MANAGEMENT}.items():
        stack = deploy(name=whose, ManagementAccountId=owner)
        document = policy(stack)
        delegated = reads["auto", whose] == "DELEGATED_ADMIN"
        assert delegated == (whose == "foreign")
        assert permits(document, "organizations:ListDelegatedAdministrators", "*") == delegated, whose
        # A manual request may name a capacity of its own, so this account's stack sets can always be read.
        assert permits(document, "cloudformation:DescribeStackSetOperation", stack_set())
        assert permits(document, "cloudformation:DescribeStackSetOperation", stack_set(owner=MANAGEMENT)) == delegated
        # Events are let in when they can be read, too.
        assert ("ForwardedEvents" in stack.resources) == delegated, whose


def test_every_call_is_allowed_on_its_resource_and_only_there(deploy, calls):
    """What was asked for on the wire, under the policies that are scoped to it, and to something else."""
    # Calls that name neither stack set nor topic have no resource to compare.
    # One call of each kind: what a sweep calls for a thousand stack sets differs in their names only.
    kinds = {}
    for call in sorted(call for call in calls if call.resource != "-"):
        has_id = ":" in call.resource
        kinds.setdefault((call.service, call.action, call.region, call.call_as, has_id), call)
    named = list(kinds.values())
    assert {call.service for call in named} == {"cloudformation", "organizations", "sns", "sts"}
    policies = {}

    def scoped(region, **parameters):
        key = (region, *sorted(parameters.items()))
        if key not in policies:
            policies[key] = policy(deploy(name=f"s{len(policies)}", region=region, **parameters))
        return policies[key]

    for call in named:
        name = f"{call.service}:{call.action}"
        if call.service == "sns":
            topic = call.resource.replace(":111111111111:", f":{ACCOUNT}:")
            assert permits(scoped(call.region, TopicArn=topic), name, topic), call
            assert not permits(scoped(call.region, TopicArn=topic + "-2"), name, topic), call
            continue
        if call.service == "organizations":
            kind = {"DescribeAccount": "account", "DescribeOrganizationalUnit": "ou"}[call.action]
            arn = f"arn:{get_partition(call.region)}:organizations::{MANAGEMENT}:{{}}/o-a1b2c3d4e5/{call.resource}"
            assert permits(scoped(call.region), name, arn.format(kind)), call
            assert not permits(scoped(call.region, AccountNames="never"), name, arn.format(kind)), call
            continue
        if call.service == "sts":
            role = call.resource.split("/")[-1]
            assert permits(scoped(call.region, MemberRoleName=role), name, call.resource), call
            assert not permits(scoped(call.region, MemberRoleName="another"), name, call.resource), call
            assert not permits(scoped(call.region), name, call.resource), call
            continue
        # name:uuid, or a bare name of a manual request, to which IAM adds the id.
        bare, _, uuid = call.resource.partition(":")
        owner = {"SELF": ACCOUNT, "DELEGATED_ADMIN": MANAGEMENT}[call.call_as]
        partition = get_partition(call.region)
        arn = f"arn:{partition}:cloudformation:{call.region}:{owner}:stackset/{bare}:{uuid or '1b2c3d4e'}"
        own = {"ManagementAccountId": MANAGEMENT} if owner == MANAGEMENT else {}
        assert permits(scoped(call.region, StackSetNamePattern=bare, **own), name, arn), call
        assert not permits(scoped(call.region, StackSetNamePattern="another", **own), name, arn), call


MEMBER = {"path": "deploy/member-role.yaml", "OrganizationId": "o-a1b2c3d4e5", "MemberRoleName": "read-stack-events"}


def test_the_member_role_reads_events_and_is_for_the_function_only(deploy, all_calls):
    notifier = deploy(name="one", MemberRoleName="read-stack-events")
    function = notifier.outputs["FunctionRoleArn"]
    assert function == notifier.arn("FunctionRole")
    role = deploy(name="two", FunctionRoleArn=function, **MEMBER).properties("MemberRole")
    assert role["RoleName"] == notifier.properties("Function")["Environment"]["Variables"]["MEMBER_ROLE_NAME"]
    (trust,) = statements(role["AssumeRolePolicyDocument"])
    assert trust["Principal"] == {"AWS": function}
    assert trust["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"}}
    (document,) = [one["PolicyDocument"] for one in role["Policies"]]
    # The command line's older action is for people who look themselves.
    made = {f"{call.service}:{call.action}" for call in all_calls if call.call_as.startswith("role/")}
    assert made == {"cloudformation:DescribeEvents"}
    assert allowed(document).keys() == made | {"cloudformation:DescribeStackEvents"}
    stack = f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/StackSet-baseline-1b2c/8f083a20"
    for arn, expected in [(stack, True), (stack.replace("StackSet-", "own-"), False), (stack.replace(ACCOUNT, MANAGEMENT), False)]:
        assert permits(document, "cloudformation:DescribeEvents", arn) == expected, arn


def test_nothing_can_be_changed(deploy):
    document = policy(deploy(ManagementAccountId=MANAGEMENT))
    for action in ("UpdateStackInstances", "StopStackSetOperation", "DeleteStackSet", "CreateStackInstances"):
        assert not permits(document, f"cloudformation:{action}", stack_set())
    for action in ("sns:Publish", "sqs:SendMessage"):
        assert not permits(document, action, f"arn:aws:{action.split(':')[0]}:eu-central-1:{ACCOUNT}:somebody-elses")


def test_messages_go_to_the_one_topic(deploy):
    own = deploy(name="first")
    assert permits(policy(own), "sns:Publish", own.outputs["ReportTopicArn"])
    theirs = policy(deploy(name="second", TopicArn=TOPIC))
    assert permits(theirs, "sns:Publish", TOPIC)
    assert not permits(theirs, "sns:Publish", own.outputs["ReportTopicArn"])


def test_aws_gets_no_further_with_the_functions_rights_than_to_this_stacks_resources(deploy):
    def resources(stack):
        stream = f"log-group:{stack.ref('LogGroup')}:log-stream:2026/11/20/[$LATEST]1b2c3d4e"
        return {
            "sqs:SendMessage": stack.arn("DeadLetterQueue"),
            "logs:CreateLogStream": f"arn:aws:logs:eu-central-1:{ACCOUNT}:{stream}",
            "logs:PutLogEvents": f"arn:aws:logs:eu-central-1:{ACCOUNT}:{stream}",
            "kms:Decrypt": stack.arn("TopicKey"),
            "kms:GenerateDataKey": stack.arn("TopicKey"),
        }

    one, two = deploy(name="first"), deploy(name="second")
    assert resources(one).keys() == LAMBDA.keys() | ENCRYPTION.keys()
    for action, own in resources(one).items():
        assert permits(policy(one), action, own), (action, own)
        assert not permits(policy(one), action, resources(two)[action]), action
    theirs = policy(deploy(name="third", TopicArn=TOPIC, TopicKeyArn=KEY))
    for action in ENCRYPTION:
        assert permits(theirs, action, KEY) and not permits(theirs, action, resources(one)[action]), action


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_key_is_used_by_sns_only(deploy, variant):
    conditions = {one["Sid"]: one["Condition"] for one in statements(policy(deploy(**VARIANTS[variant][0])))
                  if "Condition" in one}
    if ENCRYPTION not in VARIANTS[variant][1]:
        assert conditions == {}
        return
    assert conditions.keys() == {"EncryptReports"} and conditions["EncryptReports"].keys() == {"StringLike"}
    ((key, via),) = conditions["EncryptReports"]["StringLike"].items()
    assert key == "kms:ViaService"
    for service, expected in [
        ("sns.eu-central-1.amazonaws.com", True), ("sns.us-gov-west-1.amazonaws.com", True),
        ("sns.cn-north-1.amazonaws.com.cn", True), ("sqs.eu-central-1.amazonaws.com", False),
        ("s3.eu-central-1.amazonaws.com", False),
    ]:
        assert fnmatch.fnmatchcase(service, via) == expected, service


def test_only_its_own_ledger(deploy):
    stack = deploy()
    document, own = policy(stack), stack.arn("LedgerTable")
    for action in ("UpdateItem", "BatchGetItem"):
        assert permits(document, f"dynamodb:{action}", own)
        assert not permits(document, f"dynamodb:{action}", f"arn:aws:dynamodb:eu-central-1:{ACCOUNT}:table/other")
    for action in ("DeleteItem", "Scan", "DeleteTable"):
        assert not permits(document, f"dynamodb:{action}", own)


@pytest.mark.parametrize("region, partition", [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_other_partitions(deploy, region, partition):
    stack = deploy(region=region, StackSetNamePattern="prod-*", ManagementAccountId=MANAGEMENT)
    document = policy(stack)
    assert permits(document, "cloudformation:DescribeStackSetOperation",
                   stack_set(owner=MANAGEMENT, region=region, partition=partition))
    text = json.dumps({name: resource["Properties"] for name, resource in stack.resources.items()})
    assert "arn:aws:" not in text and f"arn:{partition}:iam::{ACCOUNT}:root" in text


def test_iam_takes_the_policies(deploy):
    """moto refuses malformed policy documents as IAM does."""
    deploy(name="one", ManagementAccountId=MANAGEMENT)
    deploy(name="two", path="deploy/chat.yaml", TopicArns=TOPIC, ChatGuardrail="read-only", SlackChannelId="C0")
    deploy(name="three", path="deploy/forward-events.yaml", DelegatedAdministratorAccountId=ACCOUNT)
    deploy(name="four", FunctionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/notifier", **MEMBER)
    roles = boto3.client("iam").list_roles()["Roles"]
    assert len(roles) == 5
