"""Gate: the installed dependencies fit together, are pinned, carry a licence we may ship with, and are audited.

The advisory database needs a network. Where it cannot be reached, this says so in a line of its own: an audit that did
not happen is no pass, it is left to a machine that can make it.
"""

import json
import re
import subprocess
import sys
from importlib.metadata import distributions

from app.paths import ROOT

REFUSED = re.compile(r"\b(AGPL|GNU AFFERO|SSPL|BUSL|Business Source)\b", re.IGNORECASE)
OURS = "tastemaker"


def main() -> int:
    """Run the gate; returns the exit code."""
    problems = [*_conflicts(), *_not_pinned(), *_refused_licences(), *_advisories()]
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _conflicts() -> list[str]:
    found = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    return found.stdout.splitlines() if found.returncode else []


def _not_pinned() -> list[str]:
    pins = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    pinned = {_name(name): version for name, version in pins.items()}
    problems = []
    for package in distributions():
        name, version = _name(package.metadata["Name"]), package.version.partition("+")[0]
        if name in {OURS, "pip", "setuptools"}:
            continue
        if name not in pinned:
            problems.append(f"{name} {version} is installed and not pinned in constraints.txt.")
        elif pinned[name].partition("+")[0] != version:
            problems.append(f"{name} is {version}, constraints.txt says {pinned[name]}.")
    return problems


def _refused_licences() -> list[str]:
    problems = []
    for package in distributions():
        said = " ".join(
            [package.metadata.get("License-Expression") or "", package.metadata.get("License") or ""]
            + [line for line in package.metadata.get_all("Classifier") or [] if line.startswith("License")]
        )
        if REFUSED.search(said[:500]):
            problems.append(f"{package.metadata['Name']} is under a licence that we do not ship with: {said[:100]}")
    return problems


def _advisories() -> list[str]:
    command = [sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt", "--no-deps", "--disable-pip"]
    found = subprocess.run(
        [*command, "--format", "json"], capture_output=True, text=True, check=False, cwd=ROOT, timeout=600
    )
    try:
        packages = json.loads(found.stdout)["dependencies"]
    except ValueError:
        packages = []
    audited = [package for package in packages if "skip_reason" not in package]
    if not audited:
        skipped = {package.get("skip_reason", "").partition(":")[0] for package in packages}
        reason = "; ".join(skipped) or (found.stderr.strip().splitlines() or ["no answer"])[-1][:160]
        print(f"Dependencies: consistent, pinned and licensed. NOT audited against advisories here: {reason}")
        return []
    print(
        f"Dependencies: consistent, pinned and licensed; {len(audited)} of {len(packages)} audited against advisories."
    )
    return [
        f"{package['name']} {package['version']}: {advisory['id']}, fixed in {', '.join(advisory['fix_versions'])}."
        for package in audited
        for advisory in package["vulns"]
    ]


def _name(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.exit(main())
