"""`sam deploy --guided` by the real SAM CLI, against moto, with every question answered by Enter."""

import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib
import urllib.request

import boto3
import pytest
from moto.server import ThreadedMotoServer

from stack import ROOT, template

QUESTIONS = 60


@pytest.fixture
def sam(tmp_path):
    """A clone of the project as `sam build` leaves it, and the SAM CLI in it."""
    build = tmp_path / ".aws-sam/build"
    (build / "Function").mkdir(parents=True)
    (build / "Function/bootstrap").write_text("built")
    source = (ROOT / "template.yaml").read_text()
    (build / "template.yaml").write_text(source.replace("CodeUri: .\n", "CodeUri: Function\n"))
    files = subprocess.run(["git", "ls-files", "*.md", "LICENSE*", "samconfig*"],
                           cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for file in [*files, "template.yaml", ".gitignore"]:
        if "/" not in file:
            shutil.copy(ROOT / file, tmp_path / file)
            shutil.copy(ROOT / file, build / file) if not file.startswith(("samconfig", "template")) else None
    git = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com",
           "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.com"}
    for command in ("init -q", "add .gitignore template.yaml samconfig*", "commit -qm start"):
        subprocess.run(f"git {command}", shell=True, cwd=tmp_path, env=os.environ | git, check=True)

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    # What moto knows is the process's, not the server's.
    urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    # The CLI's own bucket: moto cannot make the whole of its stack.
    bucket = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
              "Outputs": {"SourceBucket": {"Value": {"Ref": "Bucket"}}, "SourceBucketVersion": {"Value": "1"}}}
    boto3.client("cloudformation", endpoint_url=endpoint).create_stack(
        StackName="aws-sam-cli-managed-default", TemplateBody=json.dumps(bucket),
        Tags=[{"Key": "ManagedStackSource", "Value": "AwsSamCli"}])

    def run(*arguments):
        done = subprocess.run(
            [pathlib.Path(sys.executable).parent / "sam", *arguments], cwd=tmp_path, input="\n" * QUESTIONS,
            env=os.environ | git | {"AWS_ENDPOINT_URL": endpoint, "SAM_CLI_TELEMETRY": "0", "HOME": str(tmp_path)},
            capture_output=True, text=True, timeout=300)
        status = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], cwd=tmp_path,
                                env=os.environ | git, capture_output=True, text=True, check=True)
        return done.stdout + done.stderr, status.stdout

    yield tmp_path, run
    server.stop()


OWN = ["--config-file", "samconfig.local.toml"]


def kept(path):
    return tomllib.loads(path.read_text())["default"]["deploy"]["parameters"]


def test_the_defaults_are_those_of_the_file_and_the_answers_are_kept_in_it(sam):
    folder, run = sam
    said, changed = run("deploy", "--guided", "--no-execute-changeset")
    assert "Stack Name [stackset-notifier]" in said, said
    assert "Saved arguments to config file" in said, said
    assert changed.split() == ["M", "samconfig.toml"]
    answers = kept(folder / "samconfig.toml")
    for name in template()["Parameters"]:
        assert f"{name}=" in answers["parameter_overrides"], name
    assert (answers["capabilities"], answers["resolve_s3"]) == ("CAPABILITY_IAM", True)


def test_the_answers_can_be_kept_where_git_does_not_look(sam):
    folder, run = sam
    own = folder / "samconfig.local.toml"
    shutil.copy(folder / "samconfig.toml", own)
    said, changed = run("deploy", "--guided", "--no-execute-changeset", *OWN)
    assert "Stack Name [stackset-notifier]" in said, said
    assert changed == "", "a later git pull would be refused"

    # From now on without questions, by what was kept.
    own.write_text(own.read_text().replace('NotifyOn=\\"problems\\"', 'NotifyOn=\\"always\\"'))
    said, changed = run("deploy", "--no-execute-changeset", *OWN)
    assert '"NotifyOn": "always"' in said, said
    assert changed == ""
