"""The same read in Python, as many teams have it: boto3's paginator, counts, failed rows, one message.

A Lambda function without Lambda's Python runtime: the loop below speaks the Runtime API.
"""

import collections
import http.client
import json
import os

import boto3

cloudformation = boto3.client("cloudformation")
sns = boto3.client("sns")


def handle(event):
    detail = event["detail"]
    counts, failed = collections.Counter(), []
    pages = cloudformation.get_paginator("list_stack_set_operation_results").paginate(
        StackSetName=detail["stack-set-arn"].split("stackset/")[1],
        OperationId=detail["stack-set-operation-id"],
        PaginationConfig={"PageSize": 100},
    )
    for page in pages:
        for row in page["Summaries"]:
            counts[row["Status"]] += 1
            if row["Status"] == "FAILED" and len(failed) < 100:
                failed.append(f"{row['Account']} {row['Region']}: {row.get('StatusReason')}")
    message = json.dumps({"counts": counts, "failed": failed})
    sns.publish(TopicArn=os.environ["TOPIC_ARN"], Message=message)
    return sum(counts.values())


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    path = "/2018-06-01/runtime/invocation/"
    while True:
        api.request("GET", path + "next")
        invocation = api.getresponse()
        reply = handle(json.load(invocation))
        api.request("POST", path + invocation.headers["lambda-runtime-aws-request-id"] + "/response", json.dumps(reply))
        api.getresponse().read()


main()
