"""The built bootstrap under AWS's Runtime Interface Emulator, against moto.

moto deploys the template, and so gives the function's environment, the topic and a queue that is subscribed to it.
moto is no reference for reading results: it knows neither pages nor reasons. It proves that a real bootstrap starts
where Lambda would start it, reads over the wire, publishes, and that SNS hands the right body to a queue.

Run by check-bootstrap.
"""

import argparse
import collections
import contextlib
import itertools
import json
import logging
import os
import pathlib
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import boto3
import samcli
from moto.server import ThreadedMotoServer

import stack

# Where the emulator says that the function is, so that a manual request by bare name reads there.
REGION = "us-east-1"
RUNTIME = "http://127.0.0.1:{port}/2015-03-31/functions/function/invocations"
START_SECONDS = 30
NAME = "function"


def emulator():
    processor = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    path = pathlib.Path(samcli.__file__).parent / "local/rapid" / f"aws-lambda-rie-{processor}"
    if not path.exists():
        sys.exit(f"error: the SAM CLI carries no Runtime Interface Emulator for {processor}")
    return path


def free_port():
    with contextlib.closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Function:
    """A bootstrap that runs as in Lambda: its working directory, its environment, its Runtime API."""

    def __init__(self, bootstrap, variables, logging_config, endpoint):
        self.port, self.bootstrap = free_port(), bootstrap
        self.log = tempfile.TemporaryFile()
        environment = {
            "PATH": os.defpath,
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_LAMBDA_FUNCTION_NAME": NAME,
            "AWS_LAMBDA_LOG_FORMAT": logging_config["LogFormat"],
            "AWS_LAMBDA_LOG_LEVEL": logging_config["ApplicationLogLevel"],
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
            "AWS_ENDPOINT_URL": endpoint,
            **variables,
        }
        self.process = subprocess.Popen(
            [emulator(), "--runtime-interface-emulator-address", f"127.0.0.1:{self.port}",
             "--runtime-api-address", f"127.0.0.1:{free_port()}", bootstrap],
            env=environment, cwd=bootstrap.parent, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=10)

    def invoke(self, payload):
        """The function's answer; the emulator says 200 to errors as well."""
        request = urllib.request.Request(RUNTIME.format(port=self.port), json.dumps(payload).encode())
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=90) as answer:
                    return json.load(answer)
            except urllib.error.URLError as error:
                # Not listening yet; every other error is one.
                if not isinstance(error.reason, ConnectionRefusedError) or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def memory(self):
        """The most memory that the bootstrap's process has held, in MB."""
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "exe").resolve() == self.bootstrap:
                    peak = re.search(r"^VmHWM:\s+(\d+) kB", (process / "status").read_text(), re.MULTILINE)
                    return int(peak[1]) / 1024
        raise ProcessLookupError(self.bootstrap)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


def metrics_in(log):
    """What CloudWatch would make of a log: namespace, name and dimensions of each metric, and its values."""
    found = collections.defaultdict(list)
    for line in log.splitlines():
        with contextlib.suppress(ValueError):
            record = json.loads(line)
            for group in record.get("_aws", {}).get("CloudWatchMetrics", []):
                for names, metric in itertools.product(group["Dimensions"], group["Metrics"]):
                    dimensions = tuple((name, record[name]) for name in names)
                    found[group["Namespace"], metric["Name"], dimensions].append(record[metric["Name"]])
    return found


def ended(arn, operation, status):
    return {
        "version": "0", "id": "0e2d9a4c-5b7f-4c1d-8e3a-6f9b0c1d2e3f", "source": "aws.cloudformation",
        "detail-type": "CloudFormation StackSet Operation Status Change", "account": stack.ACCOUNT, "region": REGION,
        "time": "2026-11-20T10:14:02Z", "resources": [arn],
        "detail": {"stack-set-arn": arn, "stack-set-operation-id": operation, "status-details": {"status": status}},
    }


def received(sqs, queue):
    messages = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in messages:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in messages]


def check(bootstrap):
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())

    def client(service, region_name=REGION):
        return boto3.client(service, region_name=region_name, endpoint_url=endpoint,
                            aws_access_key_id="test", aws_secret_access_key="test")

    deployed = stack.Stack(region=REGION, client=client, NotifyOn="always")
    variables = client("lambda").get_function_configuration(
        FunctionName=deployed.outputs["FunctionName"])["Environment"]["Variables"]
    sqs, sns, cloudformation = client("sqs"), client("sns"), client("cloudformation")
    queue = sqs.create_queue(QueueName="reports")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=deployed.outputs["ReportTopicArn"], Protocol="sqs", Endpoint=queue_arn)

    cloudformation.create_stack_set(StackSetName="baseline", TemplateBody=json.dumps({"Resources": {}}))
    accounts, regions = ["222222222222", "333333333333"], ["eu-west-1", "us-east-1"]
    operation = cloudformation.create_stack_instances(
        StackSetName="baseline", Accounts=accounts, Regions=regions)["OperationId"]
    arn = cloudformation.describe_stack_set(StackSetName="baseline")["StackSet"]["StackSetARN"]

    variables = {name: str(value) for name, value in variables.items()} | {"SETTLE_TIMEOUT_SECONDS": "0"}
    logging_config = deployed.properties("Function")["LoggingConfig"]
    with Function(bootstrap, variables, logging_config, endpoint) as function:
        try:
            started = time.monotonic()
            done = function.invoke(ended(arn, operation, "SUCCEEDED"))["operations"][0]
            first = time.monotonic() - started
            assert (done["action"], done["counts"]["total"]) == ("published", 4), done

            (envelope,) = received(sqs, queue)
            assert envelope["Type"] == "Notification" and envelope["MessageId"] == done["messageId"], envelope
            # The queue gets the body that is made for queues.
            document = json.loads(envelope["Message"])
            assert document["schemaVersion"].startswith("1."), document
            assert document["stackSet"]["name"] == "baseline" and document["operation"]["id"] == operation
            assert document["counts"] == done["counts"] and document["completeness"]["resultsRead"] == 4
            assert {row["region"] for row in document["byRegion"]} == set(regions)

            # Every file of events/: those that the rule would let through ask for an operation, the others do not.
            files = sorted((stack.ROOT / "events").iterdir())
            answers = len(files) + 2
            for path in files:
                payload = json.loads(path.read_text())
                if path.name.startswith("scheduled-"):
                    # An hour later the operation is no longer left to its event; the ledger knows it as reported.
                    payload["time"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
                answer = function.invoke(payload)
                if path.name.startswith("scheduled-"):
                    swept = {"stackSets": 1, "stackSetsDone": 1, "operations": 1, "alreadyReported": 1, "finished": True}
                    assert answer["operations"] == [] and swept.items() <= answer["sweep"].items(), (path.name, answer)
                elif path.name != "manual.json":
                    # Other events, and those of a stack set that moto does not have.
                    assert answer["operations"][0]["action"] == "ignored", (path.name, answer)
                else:
                    # A person who asks reads moto's words.
                    assert answer["errorType"] == "ReadError", (path.name, answer)
                    assert "security-baseline" in answer["errorMessage"], answer
            assert received(sqs, queue) == []

            # The same event once more is no second message, by the table that the template makes.
            answers += 1
            again = function.invoke(ended(arn, operation, "SUCCEEDED"))["operations"][0]
            assert (again["action"], again["messageId"]) == ("alreadyPublished", done["messageId"]), again
            assert received(sqs, queue) == []

            manual = {"stackSetName": "baseline", "operationId": operation}
            assert function.invoke(manual)["operations"][0]["action"] == "published"
            assert len(received(sqs, queue)) == 1

            # The alarm looks at a metric that is really written: twice, and both reports were complete.
            alarm = deployed.properties("IncompleteReportsAlarm")
            metrics = metrics_in(function.said())
            assert {dimension["Name"] for dimension in alarm["Dimensions"]} == {"FunctionName"}
            written = metrics[alarm["Namespace"], alarm["MetricName"], (("FunctionName", NAME),)]
            assert written == [0, 0], metrics
            # Two reports, none without the ledger; a sweep without it would have failed.
            assert metrics[alarm["Namespace"], "LedgerErrors", (("FunctionName", NAME),)] == [0, 0], metrics
            memory = function.memory()
        except BaseException:
            print(function.said(), file=sys.stderr)
            raise
    server.stop()
    size = bootstrap.stat().st_size / 1e6
    print(f"The bootstrap of {size:.1f} MB answered {answers} times under the emulator. Start and first report took "
          f"{first:.2f} s; it held {memory:.0f} MB at most.")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description="Runs a built bootstrap under the Runtime Interface Emulator.")
    arguments.add_argument("bootstrap", type=pathlib.Path)
    check(arguments.parse_args().bootstrap.resolve(strict=True))
