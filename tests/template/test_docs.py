"""The documentation: every relative link leads to a file and its anchor to a heading, the README is short, and the SAM CLI
knows every command of its own. Those of the AWS CLI are for tests/cli/docs.py."""

import collections
import importlib
import re
import shlex
import tomllib

import click
import pytest
from samcli.cli.main import cli

from stack import ROOT

PAGES = sorted([*(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")), *(ROOT / "docs").rglob("*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
README_WORDS = 900


def without_blocks(text):
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


def prose(text):
    """Without blocks of code, and without the brackets of code within the text, which are no links."""
    return re.sub(r"`[^`\n]+`", lambda code: re.sub(r"[][()]", "", code[0]), without_blocks(text))


def anchors(page):
    """What GitHub makes of the headings: lower case, letters, digits, hyphens, underscores; a number where one comes again."""
    found, times = [], collections.Counter()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", without_blocks(page.read_text()), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        found.append(f"{anchor}-{times[anchor]}" if times[anchor] else anchor)
        times[anchor] += 1
    return found


def links(text):
    text = prose(text)
    yield from re.findall(r"\[(?:[^][]|\[[^]]*\])*\]\(([^)\s]+)(?: \"[^\"]*\")?\)", text)
    yield from re.findall(r'(?:src|href)="([^"]+)"', text)
    # [text][label] and its [label]: address
    yield from re.findall(r"^\[[^]]+\]: +(\S+)", text, re.MULTILINE)


def broken(page, text):
    for link in links(text):
        if re.match(r"[a-z]+:", link):
            if not link.startswith(("https://", "mailto:")):
                yield f"{link}: not https"
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(ROOT) or not target.exists():
            yield f"{link}: no such file"
        elif anchor and (target.suffix != ".md" or anchor not in anchors(target)):
            yield f"{link}: no such heading"


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name):
    assert list(broken(ROOT / name, (ROOT / name).read_text())) == []


@pytest.mark.parametrize("text, wrong", [
    ("[a](docs/deploy.md) [b](docs/deploy.md#chat) [c](#install) ![d](docs/images/chat.png) [e](https://aws.amazon.com/)", []),
    ("[a](docs/no.md)", ["docs/no.md: no such file"]),
    ("[a](docs/deploy.md#no)", ["docs/deploy.md#no: no such heading"]),
    ("[a](#no) [b](http://aws.amazon.com/)", ["#no: no such heading", "http://aws.amazon.com/: not https"]),
    ('<img src="docs/images/no.png">', ["docs/images/no.png: no such file"]),
    ("[`a[]`](docs/no.md) `[b](docs/no.md)`\n```\n[c](docs/no.md)\n```\n", ["docs/no.md: no such file"]),
    ("[a]\n\n[a]: docs/no.md\n", ["docs/no.md: no such file"]),
])
def test_broken_links_are_found(text, wrong):
    assert list(broken(ROOT / "README.md", text)) == wrong


def test_anchors_are_those_of_github(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `code` & more\n```sh\n# no heading\n```\n## x86_64\n## Twice\n## Twice\n### What's [new](x.md), now?\n")
    assert anchors(page) == ["a-code--more", "x86_64", "twice", "twice-1", "whats-new-now"]


def test_the_readme_is_short():
    words = len((ROOT / "README.md").read_text().split())
    assert words <= README_WORDS, f"README.md has {words} words"


def commands(program):
    """Those of one program, in blocks of shell lines and in the text."""
    for name in NAMES:
        text = (ROOT / name).read_text()
        blocks = re.findall(r"^ *```sh\n(.+?)^ *```", text, re.MULTILINE | re.DOTALL)
        lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
        lines += [code for code in re.findall(rf"`({program} [^`]+)`", prose(text)) if "\n" not in code]
        for command in " && ".join(lines).split(" && "):
            words = [word for word in shlex.split(command, comments=True) if not re.fullmatch(r"[A-Z_]+=\S*", word)]
            if words[:1] == [program]:
                yield pytest.param(words[1:], id=f"{name}: {command.strip()}")


def parse(words):
    """With the SAM CLI's own parser; nothing runs."""
    # cli.get_command() loads the options of a command only if it is the one that this process was started with.
    command = importlib.import_module(cli._commands[words[0]]).cli
    command.make_parser(click.Context(command)).parse_args(list(words[1:]))


@pytest.mark.parametrize("words", list(commands("sam")))
def test_sam_knows_the_command(words):
    parse(words)


def test_wrong_sam_commands_are_found():
    with pytest.raises(click.UsageError):
        parse(["deploy", "--no-such-option"])
    with pytest.raises(KeyError):
        parse(["no-such-command"])


def package_of(words):
    """The folder of the package that a cargo command is for."""
    named = words[words.index("--package") + 1] if "--package" in words else "stackset-notifier"
    for manifest in (ROOT / member / "Cargo.toml" for member in tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["members"]):
        if tomllib.loads(manifest.read_text())["package"]["name"] == named:
            return manifest.parent
    raise AssertionError(f"no package {named}")


@pytest.mark.parametrize("words", [*commands("cargo"), *commands("bash")])
def test_what_a_command_names_is_there(words):
    if "--" in words:
        words = words[: words.index("--")]
    if words[0] in ("run", "test", "bench"):
        folder = package_of(words)
        for option, kind in (("--example", "examples"), ("--test", "tests"), ("--bench", "benches")):
            for name in (words[at + 1] for at, word in enumerate(words) if word == option):
                assert any((folder / kind / path).exists() for path in (f"{name}.rs", f"{name}/main.rs")), words
    elif "--path" in words:
        assert (ROOT / words[words.index("--path") + 1] / "Cargo.toml").exists(), words
    elif not words[0].islower() or "/" in words[0]:
        assert (ROOT / words[0]).is_file(), words
