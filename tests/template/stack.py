"""The templates as CloudFormation would see them.

The SAM translator of AWS expands the transform. moto, an AWS emulator, deploys the result, so that conditions and
intrinsic functions are resolved by an implementation that is not ours.
"""

import contextlib
import functools
import io
import json
import logging
import os
import pathlib
import tomllib
import zipfile

import boto3
from cfnlint.decode import decode
from moto.backends import get_backend
from moto.cloudformation import parsing
from moto.cloudformation.parsing import ResourceMap, clean_json
from moto.utilities.utils import get_partition
from samtranslator.translator.transform import transform

ROOT = pathlib.Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
MANAGEMENT = "999999999999"
BUCKET = "code"

# moto says for every stack which types it cannot deploy; Stack.resources resolves those as well.
logging.getLogger("moto").setLevel(logging.ERROR)
# Nothing of the caller's reaches AWS or changes what is tested.
os.environ.update(AWS_DEFAULT_REGION="eu-central-1", AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
os.environ.pop("AWS_PROFILE", None)


def with_partition(map, *arguments, make=ResourceMap.__init__, **named):
    """moto knows the partitions, but says aws to every template."""
    make(map, *arguments, **named)
    map._parsed_resources["AWS::Partition"] = get_partition(map._region_name)


ResourceMap.__init__ = with_partition


def with_text(condition, map, conditions, parse=parsing.parse_condition):
    """Parameters are text to Fn::Equals; moto makes numbers of some."""
    if isinstance(condition, dict) and "Fn::Equals" in condition:
        first, second = (str(clean_json(one, map)) for one in condition["Fn::Equals"])
        return first == second
    return parse(condition, map, conditions)


parsing.parse_condition = with_text


def template(path="template.yaml"):
    """A template as plain data, its short forms of intrinsic functions made long."""
    document, problems = decode(str(ROOT / path))
    assert not problems, problems
    return json.loads(json.dumps(document))


def cargo():
    return tomllib.loads((ROOT / "Cargo.toml").read_text())


class NoManagedPolicies:
    """Our roles are written out, so that the translator has no policy to look up."""

    def load(self):
        return {}


@functools.cache
def expanded(path):
    """A template after the SAM transform; not to be changed."""
    document = template(path)
    if "Transform" not in document:
        return document
    document["Resources"]["Function"]["Properties"]["CodeUri"] = f"s3://{BUCKET}/function.zip"
    return transform(document, {}, NoManagedPolicies())


class Stack:
    """A deployed template."""

    def __init__(self, name="one", region="eu-central-1", path="template.yaml", client=boto3.client, **parameters):
        self.name, self.region = name, region
        self.document = expanded(path)
        upload_code(client, region)
        cloudformation = client("cloudformation", region_name=region)
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(self.document),
            Capabilities=["CAPABILITY_IAM"],
            Parameters=[{"ParameterKey": key, "ParameterValue": str(value)} for key, value in parameters.items()],
        )
        described = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        assert described["StackStatus"] == "CREATE_COMPLETE", described
        summaries = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
        self.physical_ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in summaries}
        self.outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", [])}

    @property
    def map(self) -> ResourceMap:
        for stack in get_backend("cloudformation")[ACCOUNT][self.region].stacks.values():
            if stack.name == self.name:
                return stack.resource_map
        raise KeyError(self.name)

    @property
    def resources(self):
        """The resources that exist, by logical id, their properties resolved."""
        return {
            name: dict(resource, Properties=self.resolved(resource.get("Properties", {})))
            for name, resource in self.document["Resources"].items()
            if "Condition" not in resource or self.map.lazy_condition_map[resource["Condition"]]
        }

    def of_type(self, kind):
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}

    def properties(self, name):
        return self.resources[name]["Properties"]

    def failed_rules(self):
        """Descriptions of the rules that the parameters break."""
        failed = []
        for rule in self.document.get("Rules", {}).values():
            if "RuleCondition" in rule and not self.holds(rule["RuleCondition"]):
                continue
            failed += [one["AssertDescription"] for one in rule["Assertions"] if not self.holds(one["Assert"])]
        return failed

    def holds(self, condition):
        return parsing.parse_condition(condition, self.map, self.map.lazy_condition_map)

    def resolved(self, value):
        return without_no_value(clean_json(json.loads(json.dumps(value)), self.map))

    def ref(self, name):
        return self.resolved({"Ref": name})

    def arn(self, name):
        return self.resolved({"Fn::GetAtt": [name, "Arn"]})


def without_no_value(value):
    """moto leaves null where AWS::NoValue stands."""
    if isinstance(value, dict):
        return {key: without_no_value(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [without_no_value(one) for one in value if one is not None]
    return value


def upload_code(client, region):
    s3 = client("s3", region_name=region)
    # The one Region that must not be named.
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=BUCKET, **where)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("bootstrap", "")
    s3.put_object(Bucket=BUCKET, Key="function.zip", Body=archive.getvalue())


def listed(value):
    return value if isinstance(value, list) else [value]


def statements(document):
    return listed(document["Statement"])
