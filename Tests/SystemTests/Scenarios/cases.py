#!/usr/bin/python3
"""Writes scenarios of our own, one file for each case: `cases.py FOLDER [NAME ...]`."""

import sys
from pathlib import Path

import cases_corners
import cases_denial
import cases_doubt
import cases_further
import cases_iteration
import cases_service
import cases_trust

CASES = {}
for module in (cases_trust, cases_denial, cases_iteration, cases_service, cases_corners, cases_doubt, cases_further):
    CASES.update(module.CASES)


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for case, build in CASES.items():
        if len(sys.argv) < 3 or any(case.startswith(word) for word in sys.argv[2:]):
            (folder / (case + ".rpl")).write_text(build().text())


if __name__ == "__main__":
    main()
