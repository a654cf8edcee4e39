"""Runs every command of a report through the real AWS CLI against a server that only listens.

The CLI parses and validates the arguments and sends the request; the server notes what arrived.
So a command that the CLI refuses, or that would reach other targets than it should, is found
without an account. `cargo test` writes the commands to target/tmp/retry-commands.json.
"""

import json
import os
import shlex
import subprocess
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

ANSWER = (
    '<{0}Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><{0}Result>'
    "<OperationId>op</OperationId></{0}Result><ResponseMetadata><RequestId>r</RequestId>"
    "</ResponseMetadata></{0}Response>"
)
# The operation's own order of Regions, of which each command keeps its part.
ORDER = ["us-east-1", "ap-south-1", "eu-west-1"]
VERBS = {
    "CREATE": "UpdateStackInstances",
    "UPDATE": "UpdateStackInstances",
    "DELETE": "DeleteStackInstances",
    "DETECT_DRIFT": "DetectStackSetDrift",
}


class Listener(BaseHTTPRequestHandler):
    seen = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        is_json = "json" in self.headers["Content-Type"]
        form = json.loads(body) if is_json else dict(urllib.parse.parse_qsl(body, keep_blank_values=True))
        Listener.seen.append(form)
        answer = b'{"Events": []}' if is_json else ANSWER.format(form["Action"]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1" if is_json else "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        pass


def members(form, key):
    return [value for name, value in form.items() if name.startswith(f"{key}.member.")]


def run(command, port):
    words = shlex.split(command)
    assert words[0] == "aws", command
    Listener.seen.clear()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    aws = [sys.executable, "-m", "awscli"] + words[1:] + ["--endpoint-url", f"http://127.0.0.1:{port}"]
    done = subprocess.run(aws, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert len(Listener.seen) == 1, command
    return Listener.seen[0]


def check_entry(case, entry, port):
    """Checks that the commands of one entry of the plan run exactly its targets."""
    reached = []
    drops = entry["causes"] == ["ACCOUNT_SUSPENDED"]
    for command in entry["commands"]:
        form = run(command, port)
        assert form["Action"] == ("DeleteStackInstances" if drops else VERBS[case["action"]]), form
        assert form["StackSetName"] == "baseline:1b2c3d4e", form
        assert form["CallAs"] == case["callAs"], form
        assert form["OperationPreferences.FailureTolerancePercentage"] == "10", form
        # What was throttled runs with half the concurrency.
        at_a_time = "2" if entry["causes"] == ["THROTTLING"] else "5"
        assert form["OperationPreferences.MaxConcurrentCount"] == at_a_time, form
        assert form["OperationPreferences.RegionConcurrencyType"] == "PARALLEL", form
        assert form["OperationPreferences.ConcurrencyMode"] == "SOFT_FAILURE_TOLERANCE", form
        if case["action"] == "DETECT_DRIFT":
            continue
        if case["serviceManaged"]:
            accounts = members(form, "DeploymentTargets.Accounts")
            # An account may have moved; the units named are those that its failed rows name, no others.
            units = set(members(form, "DeploymentTargets.OrganizationalUnitIds"))
            assert units <= set().union(*(case["units"][account] for account in accounts)), form
            assert all(units & set(case["units"][account]) for account in accounts), form
            assert form["DeploymentTargets.AccountFilterType"] == "INTERSECTION", form
        else:
            accounts = members(form, "Accounts")
        if drops:
            assert form["RetainStacks"] == "true", form
        elif case["action"] == "DELETE":
            assert form["RetainStacks"] == str(case["retainStacks"]).lower(), form
        order = members(form, "OperationPreferences.RegionOrder")
        assert order == [region for region in ORDER if region in members(form, "Regions")], form
        reached += [f"{account} {region}" for account in accounts for region in members(form, "Regions")]
    assert sorted(reached) == sorted(entry["targets"]), entry


def check(case, port):
    for entry in case["plan"]:
        check_entry(case, entry, port)
    for listed in case["resultsCommands"]:
        form = run(listed["command"], port)
        assert form["Action"] == "ListStackSetOperationResults", form
        assert form["OperationId"] == "op-1" and form["CallAs"] == case["callAs"], form
        assert form.get("Filters.member.1.Values") == listed["status"], form
    form = run(case["stopCommand"], port)
    assert form["Action"] == "StopStackSetOperation" and form["StackSetName"] == "baseline:1b2c3d4e", form
    assert form["OperationId"] == "op-1" and form["CallAs"] == case["callAs"], form
    run_cloudtrail(case["stoppedByCommand"], port)
    commands = sum(len(entry["commands"]) for entry in case["plan"])
    return commands + len(case["resultsCommands"]) + 2


def run_cloudtrail(command, port):
    """CloudTrail speaks JSON: the AWS CLI's parser and what it sends are checked."""
    form = run(command, port)
    attribute = {"AttributeKey": "EventName", "AttributeValue": "StopStackSetOperation"}
    assert form["LookupAttributes"] == [attribute], form
    assert form["StartTime"] < form["EndTime"], form


def main():
    with open(sys.argv[1]) as file:
        cases = json.load(file)
    server = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    commands = sum(check(case, server.server_address[1]) for case in cases)
    assert commands >= 150, commands
    print(f"{commands} passed, 0 failed")


main()
