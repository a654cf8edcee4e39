"""Holds the dependencies to deny.toml: licences, sources, and crates that must not be there.

cargo-deny checks the same and more, but its build takes minutes; .ci/run prefers it where it is installed.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[1]
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def is_allowed(expression, allowed):
    """Whether an SPDX expression can be met by the allowed licences alone."""
    expression = re.sub(r"\s*/\s*", " OR ", expression)
    words = re.findall(r"[()]|[A-Za-z0-9.+-]+(?: WITH [A-Za-z0-9.+-]+)?", expression)
    known = {"(": "(", ")": ")", "AND": "and", "OR": "or"}
    return eval(" ".join(known.get(word, str(word in allowed)) for word in words))


def reached(metadata):
    """The packages that programs and build scripts are made of: what only tests need is not shipped."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, left = set(), list(metadata["workspace_members"])
    while left:
        package = left.pop()
        if package not in found:
            found.add(package)
            needed = (dep for dep in nodes[package]["deps"] if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]))
            left += [dep["pkg"] for dep in needed]
    return found


def main():
    policy = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(policy["licenses"]["allow"])
    banned = [(ban["name"], ban.get("version")) for ban in policy["bans"]["deny"]]
    platforms = [target["triple"] for target in policy["graph"]["targets"]]
    wrong = set()
    for platform in platforms:
        command = ["cargo", "metadata", "--locked", "--format-version=1", "--all-features", f"--filter-platform={platform}"]
        metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout)
        resolved = reached(metadata)
        for package in metadata["packages"]:
            name = f"{package['name']} {package['version']}"
            if package["id"] not in resolved or package["source"] is None:
                continue
            if package["source"] != CRATES_IO:
                wrong.add(f"{name} is from {package['source']}")
            if not package["license"] or not is_allowed(package["license"], allowed):
                wrong.add(f"{name} has the license {package['license']}")
            for banned_name, version in banned:
                below = version and int(package["version"].split(".")[0]) >= int(version.lstrip("<"))
                if package["name"] == banned_name and not below:
                    wrong.add(f"{name} is banned")
    if wrong:
        sys.exit("\n".join(sorted(wrong)))
    print("licences, sources and banned crates: as deny.toml wants them")


main()
