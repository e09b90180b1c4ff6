#!/usr/bin/env python3
"""Prints the licences of the crates that the program is built from, with their texts, each text once.

Reads what `cargo metadata` says, and the files of the crates in cargo's own cache; needs no network after a build.
"""

import collections
import json
import pathlib
import subprocess
import sys

NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT")


def crates():
    """Yields the packages that the program links, which are not ours."""
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--offline", "--filter-platform", host()]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    server = next(one for one in packages.values() if one["name"] == "pillarbox-server")
    seen, waiting = set(), [server["id"]]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        for dependency in nodes[current]["deps"]:
            # Of kinds, null is what is linked; the others build or test.
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    linked = (packages[one] for one in seen)
    return sorted((one for one in linked if one["source"]), key=lambda one: (one["name"], one["version"]))


def host():
    """Returns the name of this platform."""
    said = subprocess.run(["rustc", "-vV"], check=True, capture_output=True, text=True).stdout
    return next(line.split(": ")[1] for line in said.splitlines() if line.startswith("host: "))


def texts(package):
    """Returns the texts of a package's licences."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = sorted(one for one in folder.iterdir() if one.is_file() and one.name.upper().startswith(NAMES))
    return [one.read_text(encoding="utf-8", errors="replace").strip() for one in files]


def main():
    holders = collections.defaultdict(list)
    print("Pillarbox is built from the work of others. Each crate, with its licence; the texts follow.\n")
    for package in crates():
        name = f"{package['name']} {package['version']}"
        authors = ", ".join(package["authors"])
        print(f"{name}: {package['license'] or 'see its text'}" + (f" ({authors})" if authors else ""))
        for text in texts(package):
            holders[text].append(name)
    for text, names in sorted(holders.items(), key=lambda one: one[1]):
        print(f"\n{'=' * 100}\n{', '.join(names)}\n{'-' * 100}\n{text}")


if __name__ == "__main__":
    sys.exit(main())
