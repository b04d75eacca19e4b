#!/usr/bin/env python3
"""One cache, two tools: what parallm downloads, huggingface_hub finds, and the other way round. Skipped without the
package; $PYTHON_WITH_HUB may name an interpreter that has it."""
import os
import pathlib
import subprocess
import sys
import tempfile

from server import File, Hub, Repo

PARALLM = os.path.abspath(os.environ.get("PARALLM", "build/parallm"))
DATA = pathlib.Path(__file__).parent.parent / "data"
PYTHON = os.environ.get("PYTHON_WITH_HUB", sys.executable)
NEEDED = ["*.json", "*.safetensors"]


def python(code, env):
    return subprocess.run([PYTHON, "-c", code], env=env, text=True, capture_output=True, timeout=120, check=False)


def expect(done, want):
    if done.returncode or done.stdout.strip().splitlines()[-1:] != [want]:
        sys.exit(f"wanted {want}, got exit code {done.returncode}: {done.stdout}{done.stderr}")


def tree(cache):
    """Every link with its target, every ref and blob: the layout without locks and what only one of the two writes."""
    top = cache / "models--org--tiny"
    return sorted((str(p.relative_to(top)), os.readlink(p) if p.is_symlink() else p.read_bytes())
                  for part in ("refs", "blobs", "snapshots") for p in (top / part).rglob("*") if p.is_symlink() or p.is_file())


def main():
    files = {p.name: File(p.read_bytes(), p.suffix == ".safetensors") for p in (DATA / "tiny-hf").iterdir()}
    hub = Hub({"org/tiny": Repo(files)})
    tree_answer(hub)
    with tempfile.TemporaryDirectory() as home:
        def env(name):
            keep = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")}
            return keep | {"HF_HUB_CACHE": f"{home}/{name}", "HF_HOME": f"{home}/home", "HF_ENDPOINT": hub.url, "no_proxy": "*",
                           "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}

        if python("import huggingface_hub", env("x")).returncode:
            print("huggingface_hub is not there")
            sys.exit(77)
        snapshot = f"models--org--tiny/snapshots/{hub.repos['org/tiny'].commit}"
        ours = subprocess.run([PARALLM, "pull", "org/tiny"], env=env("ours"), text=True, capture_output=True, check=False)
        expect(ours, f"{home}/ours/{snapshot}")
        call = "from huggingface_hub import snapshot_download as s; print(s('org/tiny', allow_patterns={}, local_files_only={}))"
        expect(python(call.format(NEEDED, True), env("ours")), f"{home}/ours/{snapshot}")
        expect(python(call.format(NEEDED, False), env("theirs")), f"{home}/theirs/{snapshot}")
        if tree(pathlib.Path(f"{home}/ours")) != tree(pathlib.Path(f"{home}/theirs")):
            sys.exit(f"layouts differ:\n{tree(pathlib.Path(home + '/ours'))}\n{tree(pathlib.Path(home + '/theirs'))}")
        offline = env("theirs") | {"HF_HUB_OFFLINE": "1"}
        expect(subprocess.run([PARALLM, "pull", "org/tiny"], env=offline, text=True, capture_output=True, check=False), f"{home}/theirs/{snapshot}")
        words = ["generate", "org/tiny", "-p", "ab", "--max-tokens", "3", "--quiet"]
        answers = [subprocess.run([PARALLM, *words], env=e, text=True, capture_output=True, check=True).stdout for e in (offline, env("ours"))]
        if answers[0] != answers[1]:
            sys.exit(f"answers differ: {answers}")
        n = len(hub.requests("GET", "model.safetensors", "files"))
        expect(python(call.format(NEEDED, False), env("ours")), f"{home}/ours/{snapshot}")
        if len(hub.requests("GET", "model.safetensors", "files")) != n:
            sys.exit("huggingface_hub downloads again what parallm has downloaded")
    print("both tools find what the other one downloaded")


def tree_answer(hub):
    """huggingface_hub lists files by /api/models/ORG/NAME/tree/COMMIT."""
    repo = hub.repos["org/tiny"]
    hub.trees = {"org/tiny": [{"type": "file", "path": n, "size": len(f.content), "oid": f.etag} |
                              ({"lfs": {"oid": f.etag, "size": len(f.content), "pointerSize": 130}} if f.lfs else {})
                              for n, f in repo.files.items()]}


main()
