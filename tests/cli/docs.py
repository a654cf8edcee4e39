"""Runs every AWS CLI command of the documentation through the real CLI's own parser; nobody answers.

A command whose options the CLI does not know, or that lacks one it needs, is found. Three know no dry run: of `deploy`
the template and its parameters are checked, of `lambda invoke` the payload, of `logs tail` nothing.
"""

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

# Nothing listens there.
NOBODY = "http://127.0.0.1:9"
ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def commands(text):
    """Commands in blocks of shell lines, and in the text, each on one line."""
    blocks = re.findall(r"^ *```sh\n(.+?)^ *```", text, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    # What keeps a command's answer, and what asks until that is another.
    lines = [re.sub(r"^ *(\w+=\$\((.+)\)|while (.+?) \|.*)$", r"\2\3", line) for line in lines]
    prose = re.sub(r"```.+?```", "", text, flags=re.DOTALL)
    lines += [" ".join(code.split()) for code in re.findall(r"`(aws [^`]+)`", prose)]
    return [line.strip() for line in lines if line.strip().startswith("aws ")]


def check(command):
    # Where the output goes is the shell's business.
    words = shlex.split(re.sub(r" > \S+$", "", command))[1:]
    if words[:2] == ["logs", "tail"]:
        return
    if words[:2] == ["cloudformation", "deploy"]:
        if "--template-file" not in words:
            return
        name = words[words.index("--template-file") + 1]
        template = (ROOT / ("template.yaml" if name == "packaged.yaml" else name)).read_text()
        for override in words[words.index("--parameter-overrides") + 1:]:
            assert re.search(rf"^  {override.split('=')[0]}:$", template, re.MULTILINE), f"{command}: {override}"
        return
    if words[:2] == ["lambda", "invoke"]:
        payload = json.loads(words[words.index("--payload") + 1])
        # A manual report, or a manual sweep.
        if "source" in payload:
            assert {"source", "detail-type"} <= payload.keys() <= {"source", "detail-type", "time"}, command
            assert payload["detail-type"] == "Scheduled Event", command
        else:
            assert {"stackSetName", "operationId"} <= payload.keys() <= {"stackSetName", "operationId", "callAs"}, command
        # The CLI would ask again after a minute, while the function still reads.
        assert int(words[words.index("--cli-read-timeout") + 1]) >= 900, command
        return
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_MAX_ATTEMPTS": "1",
    }
    # A file that the reader writes.
    words = ["text" if word == "file://authorization.txt" else word for word in words]
    # Of a template that has nothing to upload, which asks nobody.
    here = {"template.yaml": "deploy/chat.yaml", "packaged.yaml": os.devnull}
    packages = words[:2] == ["cloudformation", "package"]
    if packages:
        words = [here.get(word, word) for word in words]
    aws = [sys.executable, "-m", "awscli", *words, "--endpoint-url", NOBODY]
    done = subprocess.run(aws, cwd=ROOT, env=environment, capture_output=True, text=True)
    if packages:
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        return
    # So far comes only what the CLI has understood.
    assert "Could not connect to the endpoint URL" in done.stderr, f"{command}\n{done.stderr}"


def main():
    found = [command for file in FILES for command in commands(file.read_text())]
    assert len(found) >= 20, found
    for command in found:
        check(command)
    # Looking must not hide a message from those who come after.
    looks = [command for command in found if "receive-message" in command]
    assert looks and all("--visibility-timeout 0" in command for command in looks), looks
    print(f"{len(found)} passed, 0 failed")


main()
