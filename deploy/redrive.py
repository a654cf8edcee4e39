#!/usr/bin/env python3
"""Sends the events of the dead-letter queue to the function again, and deletes those that it reported.

Needs boto3, which AWS CloudShell has: python3 redrive.py --stack-name stackset-notifier
"""

import argparse
import json
import sys

import boto3
from botocore.config import Config

# As long as an invocation may take: nobody else gets the message meanwhile, and nothing is sent twice.
LONGEST_RUN = 900


def redrive(stack_name, client=boto3.client):
    """How many events were reported, and how many are still in the queue because they failed again."""
    stack = client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    queue, function = outputs["DeadLetterQueueUrl"], outputs["FunctionName"]
    sqs = client("sqs")
    once = Config(read_timeout=LONGEST_RUN, retries={"total_max_attempts": 1})
    functions = client("lambda", config=once)

    reported = failed = 0
    while messages := sqs.receive_message(
        QueueUrl=queue, VisibilityTimeout=LONGEST_RUN, WaitTimeSeconds=2
    ).get("Messages"):
        for message in messages:
            body = json.loads(message["Body"])
            # EventBridge leaves the event itself, Lambda a record of the invocation with the event in it.
            event = body.get("requestPayload", body)
            answer = functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
            reply = json.loads(answer["Payload"].read())
            if "FunctionError" in answer:
                failed += 1
                print(f"failed again: {reply.get('errorType')}: {reply.get('errorMessage')}")
                continue
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            reported += 1
            for done in reply["operations"]:
                print(f"{done['action']}: {done['stackSet']} {done['operationId']}")
    return reported, failed


def main():
    parser = argparse.ArgumentParser(description="Sends the events of the dead-letter queue to the function again.")
    parser.add_argument("--stack-name", default="stackset-notifier")
    reported, failed = redrive(parser.parse_args().stack_name)
    print(f"{reported} done, {failed} failed again and back in the queue in {LONGEST_RUN // 60} minutes")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
