#!/usr/bin/env python3
"""Lines of src/ that the tests ran, by gcov: a table of the files below 85 %.

usage: coverage.py BUILD, where the tests ran (make coverage). Kernels whose instructions this processor lacks are left out. Exit
code 1: a file is below, and docs/testing.md does not say why."""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

LEAST = 85.0
# What /proc/cpuinfo calls the instructions of a kernel's file, by the end of its name.
FLAGS = {"avx2": {"avx2"}, "avxvnni": {"avx_vnni"}, "avx512": {"avx512_vnni"}, "avx512bf16": {"avx512_bf16"},
         "dot": {"avx_vnni", "avx512_vnni"}}


def lines_of(notes, root):
    """(file, line, count) of one object; headers and .inc files belong to every object that includes them."""
    run = subprocess.run(["gcov", "--json-format", "--stdout", notes], capture_output=True, text=True)
    for document in run.stdout.splitlines():
        for file in json.loads(document)["files"]:
            path = os.path.relpath(os.path.join(json.loads(document)["current_working_directory"], file["file"]), root)
            for line in file["lines"] if path.startswith("src/") else []:
                yield path, line["line_number"], line["count"]


def can_run(path):
    """False: a kernel for another processor."""
    wanted = FLAGS.get(re.split("[_.]", path)[-2]) if path.startswith("src/kernels/") else None
    return not wanted or bool(wanted & set(pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").split()))


def main():
    for end in FLAGS:
        if not any(pathlib.Path("src/kernels").glob(f"*_{end}.*")):
            sys.exit(f"coverage: FLAGS has {end!r}, but no file of src/kernels ends so")
    build, root = os.path.abspath(sys.argv[1]), os.getcwd()
    notes = [str(p) for p in pathlib.Path(build, "src").rglob("*.gcno")]
    counts = collections.defaultdict(lambda: collections.defaultdict(int))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for rows in pool.map(lambda n: list(lines_of(n, root)), notes):
            for path, number, count in rows:
                counts[path][number] += count
    counts = {path: lines for path, lines in counts.items() if can_run(path)}
    total = sum(map(len, counts.values()))
    if not total:
        sys.exit(f"coverage: {build} has no counts, wanted a build with --coverage whose tests ran")
    answered = pathlib.Path("docs/testing.md").read_text(encoding="utf-8").partition("## Coverage")[2]
    unanswered = 0
    for path, lines in sorted(counts.items()):
        share = 100.0 * sum(c > 0 for c in lines.values()) / len(lines)
        if share < LEAST:
            known = f"`{path}`" in answered
            unanswered += not known
            missing = [n for n, c in sorted(lines.items()) if not c]
            print(f"{share:6.1f} %  {path}{'' if known else '  (docs/testing.md does not say why)'}: {missing}"[:400])
    ran = sum(c > 0 for lines in counts.values() for c in lines.values())
    print(f"{100.0 * ran / total:6.1f} %  of {total} lines in {len(counts)} files of src/")
    sys.exit(unanswered > 0)


main()
