"""deploy/redrive.py against a deployed template; the function itself is played."""

import io
import json
import sys

import boto3

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
