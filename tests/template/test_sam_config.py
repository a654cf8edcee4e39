"""The real SAM CLI: `sam deploy --guided` against moto, every question answered by Enter, and `sam build` with a cargo
that only notes how it was called.
"""

import json
import logging
import os
import pathlib
import re
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
CARGO = """#!/bin/sh
echo "$@" >> cargo-calls.txt
[ "$1 $2" = "lambda build" ] || exit 1
mkdir -p target/lambda/stackset-notifier
touch target/lambda/stackset-notifier/bootstrap
"""


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
    (tmp_path / "bin").mkdir()
    for tool in ("cargo", "cargo-lambda"):
        (tmp_path / "bin" / tool).write_text(CARGO)
        (tmp_path / "bin" / tool).chmod(0o755)
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
            env=os.environ | git | {"AWS_ENDPOINT_URL": endpoint, "SAM_CLI_TELEMETRY": "0", "HOME": str(tmp_path),
                                    "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
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


def build_calls(folder, run, *arguments):
    """How `sam build` called cargo lambda."""
    calls = folder / "cargo-calls.txt"
    calls.unlink(missing_ok=True)
    said, _ = run("build", *arguments)
    assert "Build Succeeded" in said, said
    (call,) = [line.split() for line in calls.read_text().splitlines() if line.startswith("lambda build")]
    return call


def test_the_build_is_for_the_processor_in_the_template(sam):
    """One line is enough for x86_64, and docs/deploy.md names it."""
    folder, run = sam
    assert "--arm64" in build_calls(folder, run)
    old, new = "Architectures: [arm64]", "Architectures: [x86_64]"
    assert f"`{new}`" in (ROOT / "docs/deploy.md").read_text()
    source = (folder / "template.yaml").read_text()
    assert source.count(old) == 1
    (folder / "template.yaml").write_text(source.replace(old, new))
    assert "--arm64" not in build_calls(folder, run)


def test_a_tag_more_is_one_line_changed():
    """A second line of that name is an error of TOML, and tags on the command line replace those of the file."""
    (line,) = re.findall(r"`(tags = [^`]+)`", (ROOT / "docs/deploy.md").read_text())
    source = (ROOT / "samconfig.toml").read_text()
    (old,) = re.findall(r"^tags = .+$", source, re.MULTILINE)
    tags = tomllib.loads(source.replace(old, line))["default"]["deploy"]["parameters"]["tags"]
    assert tags == 'Application="stackset-notifier" Team="platform"'
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(source.replace(old, f"{old}\n{line}"))


@pytest.mark.parametrize("name", ["samconfig.local.toml", "samconfig.network-team.toml"])
def test_git_ignores_the_answers_of_every_copy(name):
    def ignored(file):
        return subprocess.run(["git", "check-ignore", "--quiet", "--no-index", file], cwd=ROOT).returncode == 0

    assert ignored(name) and not ignored("samconfig.toml")
