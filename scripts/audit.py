"""Asks for known faults of the locked packages: audit.py PIP_AUDIT LOCK NPM NPM_FOLDER.

Ends with 0 where none is known of any package, with 1 where some are, and with 69 where that could not be found out for
all of them: an audit that did not take place is not a good one.
"""

import json
import subprocess
import sys
from typing import Any

NOT_ASKED = 69  # EX_UNAVAILABLE


def verdict(output: str, errors: str) -> tuple[int, list[str]]:
    """The status, and what to say, of what pip-audit printed to its outputs."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        reason = (errors.strip().splitlines() or ["it said nothing"])[-1]
        return NOT_ASKED, [f"NOT AUDITED: the database of known faults could not be asked. {reason}"]
    skipped = [f"NOT AUDITED: {each['name']}: {each['skip_reason']}" for each in packages if "skip_reason" in each]
    faults = [
        f"FAULT: {each['name']} {each['version']}: {fault['id']} ({', '.join(fault['aliases']) or 'no other name'}), "
        f"mended in {', '.join(fault['fix_versions']) or 'no version'}"
        for each in packages
        for fault in each.get("vulns", ())
    ]
    asked = len(packages) - len(skipped)
    said = [*faults, *skipped, f"{asked} of {len(packages)} packages audited, {len(faults)} known faults."]
    return (1 if faults else NOT_ASKED if skipped or not packages else 0), said


def npm_verdict(output: str) -> tuple[int, list[str]]:
    """The same of `npm audit --json`."""
    try:
        answer = json.loads(output)
        faulty, total = sorted(answer["vulnerabilities"]), answer["metadata"]["dependencies"]["total"]
    except (ValueError, KeyError, TypeError):
        return NOT_ASKED, [f"NOT AUDITED: the npm registry could not be asked. {' '.join(output.split())[:200]}"]
    said = [*(f"FAULT: {name}" for name in faulty), f"{total} packages audited, {len(faulty)} with known faults."]
    return (1 if faulty else 0), said


def main(pip_audit: str, lock: str, npm: str, npm_folder: str) -> int:
    command = [pip_audit, "--vulnerability-service=osv", "--format=json", "--progress-spinner=off", "--timeout=15"]
    result = subprocess.run(
        [*command, "--disable-pip", "--require-hashes", "--requirement", lock], capture_output=True, text=True
    )
    status, said = verdict(result.stdout, result.stderr)
    print(f"{lock}, asked of OSV (osv.dev):", *said, sep="\n")
    of_npm = subprocess.run(
        [npm, "audit", "--json", "--package-lock-only", "--prefix", npm_folder], capture_output=True, text=True
    )
    npm_status, said = npm_verdict(of_npm.stdout)
    print(f"{npm_folder}, asked of the npm registry:", *said, sep="\n")
    return 1 if 1 in (status, npm_status) else max(status, npm_status)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
