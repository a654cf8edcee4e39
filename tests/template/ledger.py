"""Reported once, against moto's DynamoDB and the table that the template makes.

The tests are those of tests/once.rs, module any_ledger: fifty processes with the same event, the same event twice, a
crash. DynamoDB carries out writes to one item one after another. moto has no lock of its own, so its server takes one
request at a time here; whether a condition holds is its decision.

Run by check-ledger.
"""

import logging
import os
import subprocess
import threading
import time

import boto3
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

import stack

# That of the tests' functions.
REGION = "us-east-1"


def check():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    endpoint = f"http://127.0.0.1:{server.server_port}"

    def client(service, region_name=REGION):
        return boto3.client(service, region_name=region_name, endpoint_url=endpoint,
                            aws_access_key_id="test", aws_secret_access_key="test")

    deployed = stack.Stack(region=REGION, client=client)
    table = deployed.outputs["LedgerTableName"]
    subprocess.run(
        ["cargo", "test", "--locked", "--quiet", "--test", "once", "any_ledger"], cwd=stack.ROOT, check=True,
        env={**os.environ, "LEDGER_ENDPOINT": endpoint, "LEDGER_TABLE": table})

    # moto does not take it over from the template.
    ttl = deployed.properties("LedgerTable")["TimeToLiveSpecification"]
    records = client("dynamodb").scan(TableName=table)["Items"]
    # Failed, stopped, succeeded, and succeeded with failures after a crash.
    assert sorted((record["status"]["S"], record["attempt"]["N"], len(record.get("message_ids", {}).get("SS", [])))
                  for record in records) == [("COMPLETED", "1", 0), *[("COMPLETED", "1", 1)] * 2, ("COMPLETED", "2", 1)]
    for record in records:
        # 30 days; a sweep looks back 7 at most.
        assert 29 < (int(record[ttl["AttributeName"]]["N"]) - time.time()) / 86400 <= 30, record
    print(f"{len(records)} operations were reported once each.")


if __name__ == "__main__":
    check()
