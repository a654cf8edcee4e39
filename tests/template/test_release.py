"""The release: its template for each processor, the workflow, and the pages that name its files. The build itself is not
run here."""

import importlib.util
import json
import pathlib
import re
import subprocess
import sys

import pytest
import yaml
from cfnlint.decode import decode

from stack import ROOT, template

WORKFLOWS = [".github/workflows/release.yml", "deploy/recipes/github-issue.yml"]
BUILD = (ROOT / "release/build").read_text()


def release():
    spec = importlib.util.spec_from_file_location("release_template", ROOT / "release/template.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.release


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_the_template_of_a_release(architecture, tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(release()((ROOT / "template.yaml").read_text(), architecture))
    document, problems = decode(str(path))
    assert not problems
    released, ours = json.loads(json.dumps(document)), template()
    function = released["Resources"]["Function"]
    # What is built is in a folder beside it, and nothing is left to build.
    assert function["Properties"]["CodeUri"] == "function/"
    assert function["Metadata"].keys() == ours["Resources"]["Function"]["Metadata"].keys() - {"BuildMethod", "BuildProperties"}
    if "Architecture" in ours["Parameters"]:
        parameter = released["Parameters"].pop("Architecture")
        assert (parameter["Default"], parameter["AllowedValues"]) == (architecture, [architecture])
        ours["Parameters"].pop("Architecture")
    else:
        assert function["Properties"]["Architectures"] == [architecture]
    # The default's application has the plain name.
    names = {"arm64": "stackset-notifier", "x86_64": "stackset-notifier-x86-64"}
    assert released["Metadata"]["AWS::ServerlessRepo::Application"].pop("Name") == names[architecture]
    ours["Metadata"]["AWS::ServerlessRepo::Application"].pop("Name")
    # Nothing else is different.
    for one in (released, ours):
        del one["Resources"]["Function"]["Metadata"]
        for key in ("CodeUri", "Architectures"):
            del one["Resources"]["Function"]["Properties"][key]
    assert released == ours


def test_a_template_that_has_changed_is_an_error():
    with pytest.raises(SystemExit, match="CodeUri"):
        release()((ROOT / "template.yaml").read_text().replace("CodeUri: .", "CodeUri: src"), "arm64")


def test_what_the_application_needs_is_in_the_archive():
    """The template names its license and README beside it."""
    application = template()["Metadata"]["AWS::ServerlessRepo::Application"]
    (copied,) = re.findall(r'^    cp -r (deploy .+) "\$dist/\$name/"$', BUILD, re.MULTILINE)
    assert {application["LicenseUrl"], application["ReadmeUrl"], "samconfig.toml", "LICENSE-MIT"} <= set(copied.split())
    assert all((ROOT / name).exists() for name in copied.split())


def test_the_script_is_bash():
    subprocess.run(["bash", "-n", ROOT / "release/build"], check=True)
    done = subprocess.run(["bash", ROOT / "release/build"], env={"PATH": "/usr/bin:/bin", "TAG": "v9.9.9", "HOME": "/",
                          "CARGO_TARGET_DIR": "/nonexistent"}, capture_output=True, text=True)
    # Before anything is built.
    assert done.returncode == 1 and "could not release v9.9.9: Cargo.toml has the version" in done.stderr, done.stderr


def test_the_workflow_calls_the_script():
    workflow = yaml.load((ROOT / WORKFLOWS[0]).read_text(), yaml.BaseLoader)
    assert workflow["on"]["push"] == {"tags": ["v*"]}
    # Nothing by default, and writing only where the release is made.
    assert workflow["permissions"] == {}
    jobs = workflow["jobs"]
    assert {name: job["permissions"] for name, job in jobs.items() if "permissions" in job} == {
        "build": {"contents": "read"}, "draft": {"contents": "write"}}
    (build,) = [step for step in jobs["build"]["steps"] if "run" in step]
    assert build["run"] == "bash release/build" and build["env"].keys() == {"TAG"}
    assert jobs["draft"]["if"] == "github.ref_type == 'tag'" and jobs["draft"]["needs"] == "build"
    runs = [step["run"] for step in jobs["draft"]["steps"] if "run" in step]
    assert runs[0] == "sha256sum --check SHA256SUMS" and "--draft" in runs[1]
    for job in jobs.values():
        for step in job["steps"]:
            # What comes from outside is in the environment.
            assert "${{" not in step.get("run", "")
            assert "uses" not in step or re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])
    upload = next(step for step in jobs["build"]["steps"] if step.get("uses", "").startswith("actions/upload-artifact@"))
    assert upload["with"]["path"] == "target/dist" and 'dist="$CARGO_TARGET_DIR/dist"' in BUILD


@pytest.mark.parametrize("path", WORKFLOWS)
def test_workflows_are_what_github_takes(path):
    """By the JSON Schema of workflows that comes with the tool."""
    tool = pathlib.Path(sys.executable).parent / "check-jsonschema"
    subprocess.run([tool, "--builtin-schema", "vendor.github-workflows", ROOT / path], check=True)


def test_the_pages_name_the_files_of_a_release():
    deploy, maintainers = ((ROOT / name).read_text() for name in ("docs/deploy.md", "docs/release.md"))
    assert 'name="stackset-notifier-$version-$architecture"' in BUILD and "stackset-notifier-VERSION-ARCHITECTURE" in maintainers
    assert 'name="stackset-report-$cli_version-$architecture"' in BUILD and "stackset-report-VERSION-ARCHITECTURE" in maintainers
    assert re.search(r"stackset-notifier-[0-9.]+-arm64\.tar\.gz", deploy) and "SHA256SUMS" in deploy
    assert "release/build" in maintainers and "> SHA256SUMS" in BUILD
