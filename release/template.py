"""Writes the template of a release: the one of the repository, for a program that is already built.

    python3 release/template.py ARCHITECTURE < template.yaml
"""

import re
import sys


def once(pattern, replacement, text):
    """Replaces what must be there exactly once."""
    text, found = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if found != 1:
        sys.exit(f"error: could not make the release's template: {pattern!r} is there {found} times, not once")
    return text


def release(text, architecture):
    text = once(r"^      CodeUri: \.$", "      CodeUri: function/", text)
    text = once(r"^      BuildMethod: .+\n      BuildProperties:\n(?:        .+\n)+", "", text)
    # The program runs on one processor only.
    text = once(r"^      Architectures: \[\w+\]$", f"      Architectures: [{architecture}]", text)
    if architecture == "x86_64":
        # One application of the Serverless Application Repository for each processor.
        text = once(r"^    Name: stackset-notifier$", "    Name: stackset-notifier-x86-64", text)
    return text


if __name__ == "__main__":
    sys.stdout.write(release(sys.stdin.read(), sys.argv[1]))
