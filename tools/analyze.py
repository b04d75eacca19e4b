#!/usr/bin/env python3
"""clang-tidy (.clang-tidy) and gcc -fanalyzer over src/ and apps/, as build/compile_commands.json compiles them.

usage: analyze.py BUILD [tidy|gcc] [PATTERN]; $CLANG_TIDY and $GCC name the programs
What is found and is no fault has an answer in docs/testing.md, a line that names file and check: `src/x.c` some-check; so has
a file that gcc does not finish in five minutes, with the check "unfinished". Exit code 1: something else was found."""
import concurrent.futures
import json
import os
import pathlib
import re
import resource
import shlex
import shutil
import subprocess
import sys

GCC_SECONDS = 300  # of a processor, for one file
ANSWERS = pathlib.Path("docs/testing.md").read_text(encoding="utf-8").splitlines()


def answered(line):
    """Is there a line in docs/testing.md about this finding, `path:line:column: warning: ... [check,check]`?"""
    path, checks = line.split(":")[0], re.search(r"\[([^\]]+)\]$", line)
    names = checks[1].split(",") if checks else []
    return any(f"`{path}`" in answer and any(f" {name}" in answer for name in names) for answer in ANSWERS)


def program(name):
    """What the environment says, `name`, or the newest name-NN that there is."""
    given = os.environ.get(name.upper().replace("-", "_"))
    numbered = (f"{name}-{n}" for n in range(30, 13, -1))
    found = next(filter(shutil.which, [given] if given else [name, *numbered]), None)
    return found or sys.exit(f"analyze: {given or name} is not installed")


def tidy(entry, build):
    command = [program("clang-tidy"), "--quiet", "-p", build, entry["file"]]
    return subprocess.run(command, capture_output=True, text=True).stdout


def gcc(entry, build):
    words = [w for w in shlex.split(entry["command"]) if not w.endswith("ccache")]
    words[words.index("-o") + 1] = os.devnull
    command = [program("gcc"), *words[1:], "-fanalyzer", "-fdiagnostics-plain-output", "-fanalyzer-verbosity=0"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=entry["directory"],
                         preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (GCC_SECONDS, GCC_SECONDS)))
    end = "" if run.returncode == 0 else f"{entry['file']}:1:1: warning: gcc ended with {run.returncode} [unfinished]\n"
    return run.stderr + end


def findings(text, root):
    """Lines of warnings, with paths from the root of the tree."""
    for line in text.splitlines():
        if re.search(r": (warning|error): ", line):
            place, rest = line.split(":", 1)
            path = pathlib.Path(os.path.normpath(pathlib.Path(root, "build", place)))
            yield f"{os.path.relpath(path, root)}:{rest}"


def main():
    build, which, pattern = sys.argv[1], sys.argv[2:3], (sys.argv[3:4] or [""])[0]
    root = os.getcwd()
    entries = [e for e in json.loads(pathlib.Path(build, "compile_commands.json").read_text())
               if re.match(r"(src|apps)/", os.path.relpath(e["file"], root)) and re.search(pattern, e["file"])]
    found = set()
    os.nice(10)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for kind in (tidy, gcc):
            if which and kind.__name__ not in which:
                continue
            for text in pool.map(kind, entries, [build] * len(entries)):
                new = {line for line in findings(text, root) if not answered(line)} - found
                found |= new
                print("".join(f"{line}\n" for line in sorted(new)), end="", flush=True)
    print(f"{len(entries)} files, {len(found)} findings without an answer")
    sys.exit(bool(found) or not entries)


main()
