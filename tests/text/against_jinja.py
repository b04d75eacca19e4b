"""Conversations by `parallm render` and by Jinja2: texts must be equal byte for byte, and errors be errors."""
import glob
import json
import os
import subprocess
import tempfile

import conversations
import environment
import expressions

TEMPORARY = tempfile.TemporaryDirectory()


def answers(parallm, path, objects):
    lines = "".join(json.dumps({**x, "date": environment.NOW_TEXT}) + "\n" for x in objects)
    run = subprocess.run([parallm, "render", "-", "--template", path], input=lines, capture_output=True, encoding="utf-8", timeout=300)
    out = [json.loads(line) for line in run.stdout.split("\n")[:-1]]
    if run.returncode == 3 and not out:  # the template itself is refused
        return [{"error": run.stderr}] * len(objects)
    if len(out) != len(objects):
        out = [{"exit status": run.returncode, "said": run.stderr[-200:]}] * len(objects)
    return out


def differs(got, wanted):
    return got.get("text") != wanted["text"] if "text" in wanted else "error" not in got


def shows_address(source, variables, text):
    """Whether the text depends on where Python's objects lie, in whatever pieces a template cut an address: memory that
    is taken meanwhile moves them."""
    taken = [bytes(n) for n in range(0, 480, 16) for _ in range(2000)]
    moved = environment.render(source, variables).get("text") != text
    del taken
    return moved


def compare(parallm, path, source, objects):
    differences = []
    for x, got in zip(objects, answers(parallm, path, objects)):
        variables = {"tools": None, "documents": None, **x}
        wanted = environment.render(source, variables)
        if " at 0x" in wanted.get("text", "") or wanted.get("error") == "RecursionError":
            continue  # an address of Python's, or its own limit
        if differs(got, wanted) and not shows_address(source, variables, wanted.get("text")):
            differences.append("%s\n  gives  %s\n  wanted %s" % (json.dumps(x), json.dumps(got), json.dumps(wanted)))
    return len(objects), differences


def prepare_templates(a):
    rounds = []
    for path in sorted(glob.glob(os.path.join(a.reference, "templates", "*.jinja"))):
        name = os.path.basename(path)[:-len(".jinja")]
        with open(path, encoding="utf-8", newline="") as f:
            source = f.read()
        if not a.only or a.only == name:
            rounds.append((name, lambda rng, p=path, s=source: compare(
                a.parallm, p, s, [conversations.conversation(rng, s) for _ in range(100)])))
    return rounds


def play_expressions(a, rng):
    """All in one file: each template of a round is a line of the same variables, rendered by itself."""
    checked, differences = 0, []
    for _ in range(60):
        source = expressions.template(rng)
        path = os.path.join(TEMPORARY.name, "t.jinja")
        with open(path, "w", encoding="utf-8", newline="") as f:
            f.write(source)
        n, found = compare(a.parallm, path, source, [expressions.VARIABLES])
        checked += n
        differences += ["%s\n%s" % (source, d.split("\n", 1)[1]) for d in found]
    return checked, differences


def prepare(a):
    if a.kind == "templates":
        return prepare_templates(a)
    return [("expressions", lambda rng: play_expressions(a, rng))]
