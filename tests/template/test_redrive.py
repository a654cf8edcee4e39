"""deploy/redrive.py against a deployed template; the function itself is played."""

import io
import json
import sys

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from stack import ROOT

sys.path.insert(0, str(ROOT / "deploy"))
import redrive  # noqa: E402


def test_reported_events_leave_the_queue_and_failed_ones_stay(deploy, capsys):
    stack = deploy()
    sqs, queue = boto3.client("sqs"), stack.outputs["DeadLetterQueueUrl"]
    events = [json.loads((ROOT / "events" / name).read_text())
              for name in ("operation-failed.json", "operation-stopped.json", "operation-succeeded.json")]
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(events[0]))
    for event in events[1:]:
        record = {"version": "1.0", "requestContext": {"condition": "RetriesExhausted"}, "requestPayload": event}
        sqs.send_message(QueueUrl=queue, MessageBody=json.dumps(record))
    invoked = []

    class Function:
        def invoke(self, FunctionName, Payload):
            assert FunctionName == stack.outputs["FunctionName"]
            event = json.loads(Payload)
            invoked.append(event)
            if event == events[1]:
                error = {"errorType": "ReadError", "errorMessage": "could not read"}
                return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
            done = {"action": "published", "stackSet": "security-baseline", "operationId": "op"}
            return {"Payload": io.BytesIO(json.dumps({"operations": [done]}).encode())}

    def client(service, **options):
        return Function() if service == "lambda" else boto3.client(service, **options)

    assert redrive.redrive("one", client) == (2, 1)
    assert sorted(map(json.dumps, invoked)) == sorted(map(json.dumps, events))
    assert "failed again: ReadError: could not read" in capsys.readouterr().out
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    left = [attributes["ApproximateNumberOfMessages"], attributes["ApproximateNumberOfMessagesNotVisible"]]
    assert left == ["0", "1"]


def error(code):
    return ClientError({"Error": {"Code": code, "Message": "Rate Exceeded."}}, "Invoke")


def redriven(deploy, monkeypatch, answers, visibility=redrive.VISIBILITY):
    """Two events in the queue, and a function that gives these answers, one after the other."""
    queue = deploy().outputs["DeadLetterQueueUrl"]
    for name in ("operation-failed.json", "operation-stopped.json"):
        boto3.client("sqs").send_message(QueueUrl=queue, MessageBody=(ROOT / "events" / name).read_text())
    left, pauses = list(answers), []
    monkeypatch.setattr("time.sleep", pauses.append)
    monkeypatch.setattr(redrive, "VISIBILITY", visibility)

    class Function:
        def invoke(self, FunctionName, Payload):
            answer = left.pop(0) if left else answers[-1]
            if isinstance(answer, Exception):
                raise answer
            return {**answer, "Payload": io.BytesIO(json.dumps(answer["Payload"]).encode())}

    def client(service, **options):
        return Function() if service == "lambda" else boto3.client(service, **options)

    return redrive.redrive("one", client), pauses, left


DONE = {"Payload": {"operations": [{"action": "published", "stackSet": "baseline", "operationId": "op"}]}}
FAILED = {"FunctionError": "Unhandled", "Payload": {"errorType": "ReadError", "errorMessage": "could not read"}}


def test_a_throttled_event_is_sent_again_after_a_pause(deploy, monkeypatch):
    throttled = error("TooManyRequestsException")
    done, pauses, left = redriven(deploy, monkeypatch, [throttled, throttled, DONE, DONE])
    assert done == (2, 0) and left == []
    assert len(pauses) == 2 and pauses[0] < pauses[1]


def test_what_is_throttled_for_long_or_not_answered_stays_in_the_queue(deploy, monkeypatch, capsys):
    throttled = [error("TooManyRequestsException")] * redrive.ATTEMPTS
    done, pauses, left = redriven(deploy, monkeypatch, [*throttled, ReadTimeoutError(endpoint_url="lambda")])
    assert done == (0, 2) and left == []
    said = capsys.readouterr().out
    assert "failed again: TooManyRequestsException" in said and "failed again: ReadTimeoutError" in said


def test_what_would_refuse_every_event_ends_the_run(deploy, monkeypatch):
    with pytest.raises(ClientError, match="AccessDeniedException"):
        redriven(deploy, monkeypatch, [error("AccessDeniedException")])


def test_an_event_that_comes_back_during_the_run_ends_it(deploy, monkeypatch):
    """A long run outlasts the time for which failed events are hidden; it must not go round for ever."""
    done, _, _ = redriven(deploy, monkeypatch, [FAILED], visibility=0)
    assert done[0] == 0 and done[1] >= 1


def test_an_ignored_event_is_kept_and_says_why(deploy, monkeypatch, capsys):
    """Nothing was reported of it: an event that this copy does not take may be another's."""
    ignored = {"action": "ignored", "stackSet": None, "operationId": None, "why": "the operation goes on"}
    done, _, left = redriven(deploy, monkeypatch, [{"Payload": {"operations": [ignored]}}, DONE])
    assert done == (1, 1) and left == []
    said = capsys.readouterr().out
    assert "kept: ignored: the operation goes on" in said and said.count("published: baseline op") == 1
    outputs = boto3.client("cloudformation").describe_stacks(StackName="one")["Stacks"][0]["Outputs"]
    (queue,) = [output["OutputValue"] for output in outputs if output["OutputKey"] == "DeadLetterQueueUrl"]
    attributes = boto3.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1"


def test_a_letter_of_the_schedule_is_a_sweep(deploy, monkeypatch, capsys):
    """Its sweep may find nothing, and the letter has done its work."""
    swept = {"Payload": {"operations": [], "sweep": {"stackSets": 3}}}
    done, _, _ = redriven(deploy, monkeypatch, [swept, swept])
    assert done == (2, 0)
    assert "swept" in capsys.readouterr().out
