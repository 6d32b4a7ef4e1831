"""Write the hashes of everything that `pip install ".[serve]"` installs: constraints/hashes.txt.

    python scripts/make_hashes.py

The versions are those of constraints/constraints.txt. The script asks pip's package index for the
wheels of each platform and version of Python. Run it again when constraints.txt changes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = {
    "Linux, x86_64": [f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17, 12, 5)],
    "Linux, aarch64": [f"manylinux_2_{minor}_aarch64" for minor in (28, 27, 26, 24, 17)],
    "macOS, arm64": ["macosx_15_0_arm64"],
}
HEADER = """\
# Versions and hashes of all dependencies of serenade[serve], for Python 3.11 to 3.13 on Linux
# (x86_64, aarch64) and macOS (arm64). Made by scripts/make_hashes.py; do not edit.
#     pip install --require-hashes --only-binary :all: --requirement constraints/hashes.txt
#     pip install --no-deps .
"""


def ask_pip(*arguments: str) -> list[dict[str, Any]]:
    """Return pip's report of the files that it would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run"]
        command += ["--ignore-installed", "--report", str(report), *arguments]
        subprocess.run(command, check=True)  # noqa: S603
        return list(json.loads(report.read_text("utf-8"))["install"])


def list_versions() -> list[str]:
    """Return `name==version` of each dependency, sorted."""
    pins = ROOT / "constraints" / "constraints.txt"
    found = ask_pip(f"{ROOT}[serve]", "--constraint", str(pins))
    names = ((entry["metadata"]["name"], entry["metadata"]["version"]) for entry in found)
    return sorted(
        f"{name.lower().replace('_', '-')}=={version}"
        for name, version in names
        if name != "serenade"
    )


def collect_hashes(versions: list[str]) -> dict[str, set[str]]:
    """Return the hashes of the wheels of each version over all platforms."""
    hashes: dict[str, set[str]] = defaultdict(set)
    for python in PYTHONS:
        for platform, tags in PLATFORMS.items():
            print(f"Python {python}, {platform}", file=sys.stderr)
            chosen = [word for tag in tags for word in ("--platform", tag)]
            options = ["--python-version", python, "--only-binary=:all:", "--no-deps"]
            found = ask_pip(*chosen, *options, "--target", "unused", *versions)
            for entry in found:
                name = entry["metadata"]["name"].lower().replace("_", "-")
                archive = entry["download_info"]["archive_info"]
                hashes[name].add(f"sha256:{archive['hashes']['sha256']}")
    return hashes


def main() -> None:
    """Write the file."""
    versions = list_versions()
    hashes = collect_hashes(versions)
    lines = [HEADER.rstrip()]
    for version in versions:
        found = sorted(hashes[version.split("==")[0]])
        lines.append(" \\\n    ".join([version, *(f"--hash={each}" for each in found)]))
    path = ROOT / "constraints" / "hashes.txt"
    path.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
