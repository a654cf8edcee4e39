"""The recipes of docs/recipes: their filters, what their pipes send, the archive's table and query, the workflow.

The reports are the demo's, as a queue gets them; `cargo test` leaves them. moto deploys what it knows of the templates;
the rest is resolved in parts.
"""

import itertools
import json
import re

import duckdb
import pytest
import sqlglot
import yaml
from jsonschema import validate
from moto.sns.utils import FilterPolicyMatcher

from stack import ROOT, listed, statements, template

TOPIC = "arn:aws:sns:eu-central-1:123456789012:reports"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:key-AbCdEf"
# With these the operation failed, and it succeeded with failures.
FAILED, PARTLY = "operation-failed.json", "operation-succeeded-with-failures.json"
QUOTA_ACCOUNT = "210002469134"
TEMPLATES = [f"deploy/recipes/{name}.yaml" for name in ("send-to-api", "account-owners", "archive")]
ENDPOINTS = {
    "jira": "https://example.atlassian.net/rest/api/2/issue",
    "servicenow": "https://example.service-now.com/api/now/table/incident",
    "pagerduty": "https://events.pagerduty.com/v2/enqueue",
    "opsgenie": "https://api.opsgenie.com/v2/alerts",
    "github": "https://api.github.com/repos/OWNER/REPOSITORY/dispatches",
}
# What each service demands, and how it bounds texts, in the words of its own documentation.
TEXT = {"type": "string", "minLength": 1}
WANTED = {
    "jira": {"required": ["fields"], "properties": {"fields": {
        "required": ["project", "issuetype", "summary", "description"],
        "properties": {
            "project": {"required": ["key"], "properties": {"key": {"const": "OPS"}}},
            "issuetype": {"required": ["name"], "properties": {"name": TEXT}},
            # One line.
            "summary": {"type": "string", "maxLength": 255, "pattern": "^[^\n]+$"},
            # Version 2 of the API takes text, version 3 would want a document.
            "description": TEXT,
            # No spaces.
            "labels": {"type": "array", "items": {"type": "string", "pattern": r"^\S+$"}},
        }}}},
    "servicenow": {
        "required": ["short_description"],
        "properties": {
            "short_description": {"type": "string", "maxLength": 160},
            "description": {"type": "string", "maxLength": 4000},
            "urgency": {"enum": ["1", "2", "3"]},
            "correlation_id": {"type": "string", "maxLength": 100},
        }},
    "pagerduty": {
        "required": ["event_action", "payload", "dedup_key"],
        "properties": {
            "event_action": {"const": "trigger"},
            "dedup_key": {"type": "string", "maxLength": 255},
            "payload": {
                "required": ["summary", "source", "severity"],
                "properties": {
                    "summary": {"type": "string", "maxLength": 1024},
                    "source": TEXT,
                    "severity": {"enum": ["critical", "error", "warning", "info"]},
                    "custom_details": {"type": "object"},
                }}}},
    "opsgenie": {
        "required": ["message"],
        "additionalProperties": False,
        "properties": {
            "message": {"type": "string", "maxLength": 130},
            "alias": {"type": "string", "maxLength": 512},
            "description": {"type": "string", "maxLength": 15000},
            "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]},
            "source": {"type": "string", "maxLength": 100},
            "tags": {"type": "array", "maxItems": 20, "items": {"type": "string", "maxLength": 50}},
            "details": {"type": "object", "additionalProperties": {"type": "string"}},
        }},
    "github": {
        "required": ["event_type", "client_payload"],
        "additionalProperties": False,
        "properties": {
            "event_type": {"type": "string", "maxLength": 100},
            "client_payload": {"type": "object", "maxProperties": 10},
        }},
}


def report(event):
    return (ROOT / f"target/tmp/report-of-{event}").read_text()


def digest():
    snapshot = (ROOT / "tests/report/snapshots/report__digest__a_sweep_with_problems.snap").read_text()
    text = snapshot[snapshot.index("{", snapshot.index("=== document")):]
    return json.dumps(json.JSONDecoder().raw_decode(text)[0])


def alarm():
    return json.dumps({"AlarmName": "one-ErrorsAlarm-AbC", "NewStateValue": "ALARM", "Trigger": {"MetricName": "Errors"}})


def part(stack, name, *keys):
    """A part of a resource's properties; moto cannot resolve references to what it does not know."""
    value = stack.document["Resources"][name]["Properties"]
    for key in keys:
        value = value[key]
    return stack.resolved(value)


def matches(policy, document):
    return FilterPolicyMatcher(policy, "MessageBody").matches({}, document)


@pytest.fixture
def api(deploy):
    def make(service, **parameters):
        parameters = {"Severities": "ERROR,WARNING", "Endpoint": ENDPOINTS[service], **parameters}
        if service == "jira":
            parameters.setdefault("JiraProject", "OPS")
        return deploy(path=TEMPLATES[0], name=f"{service}-{next(numbers)}", TopicArn=TOPIC, SecretArn=SECRET,
                      Service=service, **parameters)
    numbers = itertools.count()
    return make


@pytest.fixture
def owners(deploy):
    def make(name, **parameters):
        return deploy(path=TEMPLATES[1], name=name, TopicArn=TOPIC, EmailAddress="web@example.com", **parameters)
    return make


def schema_of(path):
    """What docs/report.schema.json says of a path; an unknown key is a KeyError."""
    document = json.loads((ROOT / "docs/report.schema.json").read_text())
    schema = document
    for key in path:
        if "$ref" in schema:
            schema = document["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        schema = schema["items"] if key.isdigit() else schema["properties"][key]
    return schema


def transformed(input_template, document):
    """What EventBridge sends: the values in place of the paths; those that are missing become nothing."""
    sent = ""
    for number, piece in enumerate(re.split(r"(<\$[^>]+>)", input_template)):
        if number % 2 == 0:
            sent += piece
            continue
        root, *path = re.findall(r"\w+", piece)
        assert root == "body"
        schema_of(path)
        value = json.loads(document)
        for key in path:
            try:
                value = value[int(key)] if isinstance(value, list) else value[key]
            except IndexError:
                value = ""
                break
        # An odd number of quotes before it: within a text.
        if sent.replace('\\"', "").count('"') % 2:
            assert isinstance(value, (str, int)), piece
            assert json.dumps(value).strip('"') == str(value), f"{piece} would have to be escaped: {value}"
            sent += str(value)
        else:
            assert value != "", f"{piece} may be missing and stands alone"
            sent += json.dumps(value)
    return json.loads(sent)


@pytest.mark.parametrize("severities, wanted", [
    ("ERROR", {FAILED}), ("WARNING", {PARTLY}), ("ERROR,WARNING", {FAILED, PARTLY}), ("INFO", set()),
])
def test_an_api_gets_the_reports_of_its_severities(api, severities, wanted):
    stack = api("pagerduty", Severities=severities)
    policy = part(stack, "Subscription", "FilterPolicy")
    assert {event for event in (FAILED, PARTLY) if matches(policy, report(event))} == wanted
    # Neither a digest nor an alarm has what the pipe sends.
    assert not matches(policy, digest()) and not matches(policy, alarm())
    assert json.loads(digest())["severity"] == "ERROR"


@pytest.mark.parametrize("service", ENDPOINTS)
@pytest.mark.parametrize("priority", ["high", "low"])
def test_an_api_gets_what_it_wants(api, service, priority):
    input_template = part(api(service, Priority=priority), "Pipe", "TargetParameters", "InputTemplate")
    assert len(input_template) <= 8192
    for document in (json.loads(report(FAILED)), json.loads(report(PARTLY))):
        sent = transformed(input_template, json.dumps(document))
        validate(sent, WANTED[service])
        text = json.dumps(sent)
        for value in (document["operation"]["id"], document["operation"]["consoleUrl"], document["causes"][0]["code"],
                      document["causes"][0]["nextStep"], document["summary"]):
            assert json.dumps(value).strip('"') in text, value
        level = {
            "servicenow": lambda: sent["urgency"], "pagerduty": lambda: sent["payload"]["severity"],
            "opsgenie": lambda: sent["priority"],
        }.get(service, lambda: None)()
        assert level in {"high": ("1", "critical", "P1", None), "low": ("3", "warning", "P3", None)}[priority]
        # A stopped operation may have no causes, and a name up to 128 letters.
        without = document | {"causes": [], "stackSet": document["stackSet"] | {"name": "n" * 128}}
        validate(transformed(input_template, json.dumps(without)), WANTED[service])


def test_texts_within_texts_never_need_escaping():
    """The next steps and codes are ours: whatever the cause, a pipe may put them between quotes."""
    page = (ROOT / "docs/causes.md").read_text()
    source = (ROOT / "src/classify/cause.rs").read_text()
    steps = re.findall(r'^ +"([A-Z][^\n]+\.)"', source, re.MULTILINE)
    assert "SERVICE_QUOTA_EXCEEDED" in page
    for step in steps:
        assert '"' not in step and "\\" not in step.replace("\\\n", ""), step


def test_the_pipe_is_asked_for_what_the_schema_knows():
    with pytest.raises(KeyError):
        transformed('{"a": <$.body.stackset.name>}', report(FAILED))


def test_jira_needs_a_project(api):
    assert api("jira").failed_rules() == []
    assert api("jira", JiraProject="").failed_rules() == ["Jira needs JiraProject"]
    assert api("github").failed_rules() == []


@pytest.mark.parametrize("service", ENDPOINTS)
def test_no_secret_is_in_the_template(api, service):
    stack = api(service)
    parameters = part(stack, "Connection", "AuthParameters")
    reference = "{{resolve:secretsmanager:%s}}" % SECRET
    assert parameters["ApiKeyAuthParameters"]["ApiKeyValue"] == reference
    if service == "pagerduty":
        assert parameters["InvocationHttpParameters"]["BodyParameters"] == [
            {"Key": "routing_key", "Value": reference, "IsValueSecret": True}]
    else:
        assert parameters == {"ApiKeyAuthParameters": {"ApiKeyName": "Authorization", "ApiKeyValue": reference}}
    headers = part(stack, "Pipe", "TargetParameters").get("HttpParameters", {}).get("HeaderParameters", {})
    assert ("Accept" in headers) == (service == "github")


@pytest.mark.parametrize("path", TEMPLATES)
def test_queues_are_encrypted_and_take_from_the_topic_only(path):
    resources = template(path)["Resources"]
    queues = {name for name, one in resources.items() if one["Type"] == "AWS::SQS::Queue"}
    assert "DeadLetterQueue" in queues
    policies = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::SQS::QueuePolicy"]
    for name in queues:
        assert resources[name]["Properties"]["SqsManagedSseEnabled"] is True
        (policy,) = [one for one in policies if one["Queues"] == [{"Ref": name}]]
        allow, deny = statements(policy["PolicyDocument"])
        assert allow == {
            "Sid": "TopicSends", "Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage", "Resource": {"Fn::GetAtt": [name, "Arn"]},
            "Condition": {"ArnEquals": {"aws:SourceArn": {"Ref": "TopicArn"}}},
        }
        assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    # Neither the topic nor the queue loses what it could not hand on.
    dead_letters = {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    assert resources["Subscription"]["Properties"]["RedrivePolicy"] == {"deadLetterTargetArn": dead_letters}
    assert resources["Subscription"]["Properties"]["RawMessageDelivery"] is True
    for name in queues - {"DeadLetterQueue"}:
        assert resources[name]["Properties"]["RedrivePolicy"]["deadLetterTargetArn"] == dead_letters


@pytest.mark.parametrize("path", TEMPLATES)
def test_roles_may_do_what_they_need(path):
    """No wildcard in an action, and every resource is one of the template's own."""
    resources = template(path)["Resources"]
    documents = [one["Properties"]["PolicyDocument"] for one in resources.values() if one["Type"] == "AWS::IAM::RolePolicy"]
    documents += [policy["PolicyDocument"] for one in resources.values() if one["Type"] == "AWS::IAM::Role"
                  for policy in one["Properties"].get("Policies", [])]
    assert documents
    for statement in [statement for document in documents for statement in statements(document)]:
        assert all("*" not in action for action in listed(statement["Action"])), statement
        for resource in listed(statement["Resource"]):
            ours = next(iter(resource.values()))
            name = ours[0] if isinstance(ours, list) else re.sub(r"^\$\{(\w+)\..+$", r"\1", ours)
            assert name in resources, statement


def test_owners_get_reports_of_their_own_accounts(owners):
    policy = part(owners("one", Accounts=f"{QUOTA_ACCOUNT},210002469135"), "Subscription", "FilterPolicy")
    assert matches(policy, report(PARTLY))
    other = part(owners("two", Accounts="210002469135"), "Subscription", "FilterPolicy")
    assert not matches(other, report(PARTLY))
    for document in (digest(), alarm()):
        assert not matches(policy, document)
    # Every account that failed is found, wherever it stands in the document, and none that did not.
    document = json.loads(report(FAILED))
    failed = {account for cause in document["causes"] for group in cause["groups"] for target in group["targets"]
              for account in target["accounts"]}
    cancelled = {account for target in document["collateral"]["targets"] for account in target["accounts"]} - failed
    assert len(failed) > 50 and cancelled
    for account in failed:
        assert matches({"causes": {"groups": {"targets": {"accounts": [account]}}}}, report(FAILED)), account
    for account in cancelled:
        assert not matches({"causes": {"groups": {"targets": {"accounts": [account]}}}}, report(FAILED)), account


@pytest.mark.parametrize("owner, wanted", [("any", True), ("ACCOUNT_OWNER", True), ("PLATFORM", False)])
def test_owners_get_what_they_can_fix(owners, owner, wanted):
    policy = part(owners("one", Accounts=QUOTA_ACCOUNT, Owner=owner), "Subscription", "FilterPolicy")
    assert matches(policy, report(PARTLY)) == wanted


def combinations(policy, depth=1):
    """SNS's measure: the number of values of each key, by the depth of the key, multiplied."""
    product = 1
    for value in policy.values():
        product *= combinations(value, depth + 1) if isinstance(value, dict) else len(value) * depth
    return product


def test_the_largest_filters_that_sns_takes(owners, api):
    def accounts(n):
        return ",".join(f"{number:012}" for number in range(n))

    # AWS's own example.
    example = {"key_a": {"key_b": {"key_c": ["one", "two", "three", "four"]}}, "key_d": {"key_e": ["one", "two", "three"]}}
    assert combinations(example) == 72
    for owner, most in (("any", 37), ("ACCOUNT_OWNER", 18)):
        largest, more = (
            combinations(part(owners(f"{owner}-{n}".replace("_", "-"), Accounts=accounts(n), Owner=owner),
                              "Subscription", "FilterPolicy"))
            for n in (most, most + 1))
        assert largest <= 150 < more
        assert str(most) in (ROOT / "docs/recipes/account-owners.md").read_text()
    policy = part(api("jira", Severities="ERROR,WARNING,INFO"), "Subscription", "FilterPolicy")
    assert combinations(policy) <= 150 and len(policy) <= 5


def test_the_email_of_the_owners(owners):
    stack = owners("one", Accounts=f"{QUOTA_ACCOUNT},111122223333")
    text = transformed(part(stack, "Pipe", "TargetParameters", "InputTemplate"), report(PARTLY))
    assert f"({QUOTA_ACCOUNT}, 111122223333) failed: UPDATE of security-baseline" in text
    assert "SERVICE_QUOTA_EXCEEDED. Raise the quota" in text and "<$" not in text


def test_the_filter_of_the_page_is_the_files():
    attributes = json.loads((ROOT / "deploy/recipes/account-owners-filter.json").read_text())
    assert attributes["FilterPolicyScope"] == "MessageBody"
    (text,) = re.findall(r"```json\n(.+?)```", (ROOT / "docs/recipes/account-owners.md").read_text(), re.DOTALL)
    policy = json.loads(attributes["FilterPolicy"])
    assert policy == json.loads(text)
    document = report(PARTLY).replace(QUOTA_ACCOUNT, "111122223333")
    assert matches(policy, document) and not matches(policy, report(PARTLY))


def columns():
    table = template(TEMPLATES[2])["Resources"]["Table"]["Properties"]["TableInput"]
    return {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}, table


def test_the_archive_keeps_reports(deploy):
    policy = template(TEMPLATES[2])["Resources"]["Subscription"]["Properties"]["FilterPolicy"]
    assert matches(policy, report(FAILED)) and matches(policy, report(PARTLY))
    assert not matches(policy, digest()) and not matches(policy, alarm())


def hive_types_are_those_of_the_schema(hive, schema, document):
    if "$ref" in schema:
        schema = document["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    kind = hive.this.value
    if kind == "STRUCT":
        keys = {key.lower(): value for key, value in schema["properties"].items()}
        for field in hive.expressions:
            hive_types_are_those_of_the_schema(field.args["kind"], keys[field.name], document)
    elif kind == "ARRAY":
        assert "array" in listed(schema["type"])
        hive_types_are_those_of_the_schema(hive.expressions[0], schema["items"], document)
    else:
        wanted = {"TEXT": "string", "VARCHAR": "string", "BIGINT": "integer"}[kind]
        assert "enum" in schema and wanted == "string" or wanted in listed(schema.get("type")), (hive, schema)


def test_the_archives_columns_are_keys_of_the_document():
    document = json.loads((ROOT / "docs/report.schema.json").read_text())
    keys = {key.lower(): value for key, value in document["properties"].items()}
    for name, kind in columns()[0].items():
        hive_types_are_those_of_the_schema(sqlglot.exp.DataType.build(kind, dialect="hive"), keys[name], document)


def test_which_accounts_fail_most(tmp_path):
    """Athena's dialect, parsed and written anew for DuckDB, over the documents as Firehose leaves them."""
    query = (ROOT / "deploy/recipes/accounts-that-fail-most.sql").read_text()
    twice = json.loads(report(PARTLY))
    other = json.loads(report(PARTLY))
    other["operation"] |= {"id": "another", "endedAt": "2026-03-03T09:00:00Z"}
    other["stackSet"]["name"] = "network"
    # One account of the three failed again.
    other["causes"][0]["groups"][0]["targets"][0]["accounts"] = [QUOTA_ACCOUNT]
    old = json.loads(json.dumps(other))
    old["operation"]["id"] = "long ago"
    no_causes = json.loads(report(PARTLY)) | {"causes": []}
    lines = [twice, twice, other, no_causes]

    def lowered(value):
        """The table's reader ignores the case of keys, as its property says."""
        if isinstance(value, dict):
            return {key.lower(): lowered(one) for key, one in value.items()}
        return [lowered(one) for one in value] if isinstance(value, list) else value

    types, table = columns()
    assert table["StorageDescriptor"]["SerdeInfo"]["Parameters"] == {"case.insensitive": "true"}
    for name, documents in (("new", lines), ("old", [old])):
        (tmp_path / f"{name}.json").write_text("\n".join(json.dumps(lowered(one)) for one in documents))
    duck_types = {name: sqlglot.exp.DataType.build(kind, dialect="hive").sql("duckdb") for name, kind in types.items()}
    reads = " UNION ALL ".join(
        f"SELECT *, strftime(current_date - INTERVAL '{days}' DAY, '%Y-%m-%d') AS day "
        f"FROM read_json('{tmp_path}/{name}.json', format = 'newline_delimited', columns = {duck_types})"
        for name, days in (("new", 0), ("old", 31)))
    duck = duckdb.connect()
    duck.execute(f"CREATE VIEW reports AS {reads}")
    (written,) = sqlglot.transpile(query, read="athena", write="duckdb")
    rows = duck.execute(written).fetchall()
    assert [row[:3] for row in rows] == [(QUOTA_ACCOUNT, 2, 2), ("210006172835", 1, 1), ("210009876536", 1, 1)]
    assert rows[0][3] == "2026-03-03T09:00:00Z"
    (header,) = re.findall(r"^\| (account \| .+) \|$", (ROOT / "docs/recipes/archive.md").read_text(), re.MULTILINE)
    assert header.split(" | ") == [column[0] for column in duck.description]
    # The folders that Firehose writes are the days that the table reads.
    stream = template(TEMPLATES[2])["Resources"]["Stream"]["Properties"]["ExtendedS3DestinationConfiguration"]
    assert stream["Prefix"] == "reports/day=!{timestamp:yyyy-MM-dd}/"
    assert table["Parameters"]["projection.day.format"] == "yyyy-MM-dd"
    assert table["Parameters"]["storage.location.template"] == {"Fn::Sub": "s3://${Bucket}/reports/day=${!day}/"}


def test_the_workflow_opens_an_issue_for_what_is_sent(api):
    text = (ROOT / "deploy/recipes/github-issue.yml").read_text()
    workflow = yaml.load(text, yaml.BaseLoader)
    sent = transformed(part(api("github"), "Pipe", "TargetParameters", "InputTemplate"), report(FAILED))
    assert workflow["on"] == {"repository_dispatch": {"types": [sent["event_type"]]}}
    assert workflow["permissions"] == {"issues": "write"}
    asked = set(re.findall(r"github\.event\.client_payload\.(\w+)", text))
    assert asked <= sent["client_payload"].keys() and "operationId" in asked
    (step,) = workflow["jobs"]["issue"]["steps"]
    # A stack set's name, or whatever a report says, must not become a part of the script.
    assert "${{" not in step["run"]
    used = set(re.findall(r"\$(?:\{)?([A-Z_]+)", step["run"]))
    assert used <= step["env"].keys() and "SUMMARY" in used
