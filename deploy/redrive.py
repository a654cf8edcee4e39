#!/usr/bin/env python3
"""Sends the events of the dead-letter queue to the function again, and deletes those that it dealt with.

What failed again stays in the queue, and so does what the function ignored: nothing was reported of it.

Needs boto3, which AWS CloudShell has: python3 redrive.py --stack-name stackset-notifier
"""

import argparse
import json
import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, HTTPClientError

# As long as an invocation may take.
LONGEST_RUN = 900
# A message is hidden for longer: nobody else gets it meanwhile, and nothing is sent twice.
VISIBILITY = 1200
# Of one event, while Lambda has no room for it; with pauses of 1, 2, 4, ... seconds, a bit more than two minutes.
ATTEMPTS = 8


def redrive(stack_name, client=boto3.client):
    """How many events were dealt with, and how many stay in the queue because they failed again or were ignored."""
    stack = client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    queue, function = outputs["DeadLetterQueueUrl"], outputs["FunctionName"]
    sqs = client("sqs")
    # Not even after a timeout: the function may still be at work.
    once = Config(read_timeout=LONGEST_RUN, retries={"total_max_attempts": 1})
    functions = client("lambda", config=once)

    done, kept = 0, set()
    while messages := sqs.receive_message(
        QueueUrl=queue, VisibilityTimeout=VISIBILITY, WaitTimeSeconds=2
    ).get("Messages"):
        for message in messages:
            if message["MessageId"] in kept:
                # The run took so long that the first ones are back.
                return done, len(kept)
            body = json.loads(message["Body"])
            # EventBridge and its Scheduler leave the event itself, Lambda a record of the invocation with the event in it.
            event = body.get("requestPayload", body)
            reply, error = invoke(functions, function, event)
            if error:
                kept.add(message["MessageId"])
                print(f"failed again: {error}")
                continue
            ignored = [one["why"] for one in reply["operations"] if one["action"] == "ignored"]
            if ignored:
                kept.add(message["MessageId"])
                print(f"kept: ignored: {'; '.join(ignored)}")
                continue
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            done += 1
            if "sweep" in reply:
                print("swept")
            for one in reply["operations"]:
                print(f"{one['action']}: {one['stackSet']} {one['operationId']}")
    return done, len(kept)


def invoke(functions, function, event):
    """The function's reply, or why there is none. What would refuse every event is raised."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(2 ** (attempt - 1))
        try:
            answer = functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        except ClientError as error:
            if error.response["Error"]["Code"] != "TooManyRequestsException":
                raise
            why = "TooManyRequestsException: Lambda has no room for the function"
            continue
        except (ConnectionError, HTTPClientError) as error:
            return None, f"{type(error).__name__}: {error}"
        reply = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            return None, f"{reply.get('errorType')}: {reply.get('errorMessage')}"
        return reply, None
    return None, why


def main():
    parser = argparse.ArgumentParser(description="Sends the events of the dead-letter queue to the function again.")
    parser.add_argument("--stack-name", default="stackset-notifier")
    done, kept = redrive(parser.parse_args().stack_name)
    print(f"{done} done, {kept} failed again or ignored, and back in the queue in {VISIBILITY // 60} minutes")
    sys.exit(1 if kept else 0)


if __name__ == "__main__":
    main()
