#!/usr/bin/env python3
"""The hub, from outside: `parallm` against a server on this machine that behaves, and one that does not.

usage: cases.py quick|slow|NAME...    cases at once, each with a hub and a cache of its own; $PARALLM is the command
"""
import concurrent.futures
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import traceback

from server import File, Hub, Repo

PARALLM = os.path.abspath(os.environ.get("PARALLM", "build/parallm"))
DATA = pathlib.Path(__file__).parent.parent / "data"
BIG = bytes(i * i % 251 for i in range(60000)) * 5
MISSING = "/nonexistent"
CASES, SLOW = [], []  # slow: they wait until the command gives up


def case(function):
    CASES.append(function)
    return function


def slow_case(function):
    SLOW.append(function)
    return function


class Bench:
    """A hub, an empty cache, and the command with both."""

    def __init__(self, repos):
        self.hub = Hub(repos)
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="parallm-hub-"))
        self.cache = self.home / "hub"

    def env(self, **more):
        keep = {k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")}
        return keep | {"HF_HOME": str(self.home), "HF_ENDPOINT": self.hub.url, "HOME": str(self.home), "no_proxy": "*"} | more

    def run(self, *words, code=0, stdin="", preexec=None, **more):
        done = subprocess.run([PARALLM, *words], env=self.env(**more), input=stdin, text=True, capture_output=True,
                              preexec_fn=preexec, timeout=120, check=False)
        assert done.returncode == code, f"{words}: exit code {done.returncode}, wanted {code}: {done.stderr}{done.stdout}"
        if code in (0, 130):
            return done.stdout
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("parallm: "), f"{words}: wanted one line of error: {done.stderr}"
        assert not done.stdout, f"{words}: failed, but wrote {done.stdout}"
        return lines[0][len("parallm: "):]

    def pull(self, *words, **more):
        return pathlib.Path(self.run("pull", *words, **more).rstrip("\n"))

    def fails(self, *words, says, command="pull", code=3, **more):
        message = self.run(command, *words, code=code, **more)
        for part in [says] if isinstance(says, str) else says:
            assert part in message, f"message {message!r} lacks {part!r}"
        return message

    def repo(self, name="org/tiny"):
        return self.cache / ("models--" + name.replace("/", "--"))

    def blob(self, f, name="org/tiny"):
        return self.repo(name) / "blobs" / f.etag

    def close(self):
        self.hub.stop()
        shutil.rmtree(self.home)


def tiny():
    """A repository with a model that works, and with much that nobody needs."""
    files = {p.name: File(p.read_bytes(), p.suffix == ".safetensors") for p in (DATA / "tiny-hf").iterdir()}
    return Repo(files | {"README.md": b"read me", "pytorch_model.bin": File(b"pickle", True), "onnx/model.onnx": b"onnx",
                         "consolidated.safetensors": File(b"twice", True), ".gitattributes": b"x"})


def one(f, name="model.gguf"):
    return {"org/tiny": Repo({name: f})}


def same(a, b, what="value"):
    assert a == b, f"{what}: is {a!r}, wanted {b!r}"


# ---- What should work ----------------------------------------------------------------------------------------


@case
def lays_out_a_folder():
    b = Bench({"org/tiny": tiny()})
    repo = b.hub.repos["org/tiny"]
    path = b.pull("org/tiny")
    same(path, b.repo() / "snapshots" / repo.commit)
    same((b.repo() / "refs/main").read_text(), repo.commit)
    same(sorted(p.name for p in path.iterdir()), sorted(p.name for p in (DATA / "tiny-hf").iterdir()), "files")
    for p in path.iterdir():
        same(os.readlink(p), f"../../blobs/{repo.files[p.name].etag}", "link")
        same(p.read_bytes(), (DATA / "tiny-hf" / p.name).read_bytes(), p.name)
    same(sorted(p.name for p in (b.repo() / "blobs").iterdir()), sorted(repo.files[p.name].etag for p in path.iterdir()), "blobs")
    return b


@case
def is_a_model_by_name():
    b = Bench({"org/tiny": tiny()})
    words = ["-p", "ab", "--max-tokens", "4", "--quiet"]
    want = b.run("generate", str(DATA / "tiny-hf"), *words)
    same(b.run("generate", "org/tiny", *words), want, "answer of a fresh download")
    n = len(b.hub.log)
    same(b.run("generate", "org/tiny", *words), want, "answer from the cache")
    same(len(b.hub.log), n, "requests for what is in the cache")
    same(b.run("generate", "org/tiny", *words, HF_HUB_OFFLINE="1"), want, "answer offline")
    assert json.loads(b.run("plan", "org/tiny", "--json"))["weight_bytes"] > 0
    return b


@case
def tokenizes_without_weights():
    b = Bench({"org/tiny": tiny()})
    out = b.run("tokenize", "org/tiny", stdin='{"text": "ab"}\n')
    same(out, b.run("tokenize", str(DATA / "tiny-hf"), stdin='{"text": "ab"}\n'))
    same(b.hub.requests("GET", ".safetensors"), [], "downloads of weights")
    b.run("tokenize", "org/tiny", stdin='{"text": "ab"}\n', HF_HUB_OFFLINE="1")
    b.fails("org/tiny", says="is not complete", HF_HUB_OFFLINE="1")
    return b


@case
def takes_the_shards_of_the_index():
    index = {"metadata": {}, "weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    b = Bench({"org/tiny": Repo({"config.json": b"{}", "model.safetensors.index.json": json.dumps(index).encode(),
                                 "model-00001-of-00002.safetensors": File(b"1" * 9999, True),
                                 "model-00002-of-00002.safetensors": File(b"2" * 9999, True),
                                 "extra.safetensors": File(b"3", True)})})
    path = b.pull("org/tiny")
    same(sorted(p.name for p in path.iterdir()), ["config.json", "model-00001-of-00002.safetensors",
                                                  "model-00002-of-00002.safetensors", "model.safetensors.index.json"])
    (path / "model-00002-of-00002.safetensors").unlink()
    b.fails("org/tiny", says="is not complete", HF_HUB_OFFLINE="1")
    return b


@case
def chooses_a_gguf():
    names = ["q/m-Q4_K_M.gguf", "m-IQ4_K_M.gguf", "m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf",
             "mmproj-Q4_K_M.gguf", "m-Q4_K_M-Q9.gguf", "m-f16.gguf", "README.md"]
    b = Bench({"org/tiny": Repo({n: File(n.encode(), n.endswith("gguf")) for n in names})})
    snapshot = b.repo() / "snapshots" / b.hub.repos["org/tiny"].commit
    for words, want in ((["org/tiny:q4_k_m"], "q/m-Q4_K_M.gguf"), (["org/tiny"], "q/m-Q4_K_M.gguf"),
                        (["org/tiny:Q8_0"], "m-Q8_0-00001-of-00002.gguf"), (["org/tiny:IQ4_K_M@main"], "m-IQ4_K_M.gguf"),
                        (["org/tiny@main:F16"], "m-f16.gguf"), (["org/tiny/m-f16.gguf"], "m-f16.gguf"),
                        (["org/tiny", "--file=q/m-Q4_K_M.gguf"], "q/m-Q4_K_M.gguf"),
                        (["org/tiny", "--file", "README.md"], "README.md")):
        same(b.pull(*words), snapshot / want, words)
        same((snapshot / want).read_bytes(), want.encode(), "content")
        same(b.pull(*words, HF_HUB_OFFLINE="1"), snapshot / want, f"{words} offline")
    same(os.readlink(snapshot / "q/m-Q4_K_M.gguf")[:17], "../../../blobs/" + b.hub.repos["org/tiny"].files["q/m-Q4_K_M.gguf"].etag[:2])
    assert (snapshot / "m-Q8_0-00002-of-00002.gguf").exists(), "the second part was not downloaded"
    b.fails("org/tiny:Q5_0", says=["org/tiny: ", "Q5_0"])
    b.fails("org/tiny/m-Q5_0.gguf", says="org/tiny: has no file m-Q5_0.gguf")
    return b


@case
def answers_from_a_gguf_by_name():
    b = Bench({"org/tiny": Repo({"tiny-Q8_0.gguf": File((DATA / "tiny.gguf").read_bytes(), True)})})
    words = ["-p", "ab", "--max-tokens", "3", "--quiet"]
    for name in ("org/tiny:Q8_0", "org/tiny/tiny-Q8_0.gguf", "org/tiny"):
        same(b.run("generate", name, *words), b.run("generate", str(DATA / "tiny.gguf"), *words), name)
    return b


@case
def knows_revisions():
    b = Bench({"org/tiny": Repo({"a-Q8_0.gguf": b"abc"}, commit="c0ffee", revisions=("main", "dev", "refs/pr/1"))})
    want = b.repo() / "snapshots/c0ffee/a-Q8_0.gguf"
    for words in (["org/tiny@dev"], ["org/tiny", "--revision=refs/pr/1"], ["org/tiny@c0ffee"], ["org/tiny:Q8_0@dev"],
                  ["org/tiny/a-Q8_0.gguf@dev"], ["org/tiny@dev:Q8_0"]):
        same(b.pull(*words), want, words)
    same((b.repo() / "refs/dev").read_text(), "c0ffee")
    same((b.repo() / "refs/refs/pr/1").read_text(), "c0ffee")
    assert not (b.repo() / "refs/main").exists() and not (b.repo() / "refs/c0ffee").exists()
    same(b.pull("org/tiny@c0ffee:Q8_0", HF_HUB_OFFLINE="1"), want)
    b.fails("org/tiny@nope", says="org/tiny@nope: no such revision on http")
    b.fails("org/tiny", "--revision", "a b", says='revision: is "a b"')
    return b


@case
def pulls_what_is_new():
    old = {"config.json": b"{}", "model.safetensors": File(BIG, True), "tokenizer.json": b"{}", "tokenizer_config.json": b"{}"}
    b = Bench({"org/tiny": Repo(old, commit="aaaa")})
    first = b.pull("org/tiny")
    n = len(b.hub.log)
    summary = json.loads(b.run("pull", "org/tiny", "--json"))
    same((summary["path"], summary["downloaded_bytes"]), (str(first), 0))
    same(len(b.hub.log), n + 1, "requests of a second pull")
    b.hub.repos["org/tiny"] = Repo(old | {"config.json": b'{"new": 1}'}, commit="bbbb")
    second = json.loads(b.run("pull", "org/tiny", "--json"))
    same(second["downloaded_bytes"], 10, "bytes of an update")
    same((b.repo() / "refs/main").read_text(), "bbbb")
    same((b.repo() / "snapshots/bbbb/model.safetensors").read_bytes(), BIG)
    same(len(b.hub.requests("GET", "model.safetensors", "files")), 1, "downloads of the same weights")
    return b


@slow_case
def keeps_what_it_has_when_the_hub_is_down():
    b = Bench({"org/tiny": tiny()})
    path = b.pull("org/tiny")
    b.hub.repos["org/tiny"].status = 503
    same(b.pull("org/tiny"), path)
    b.hub.stop()
    same(b.pull("org/tiny", HF_HUB_OFFLINE="true"), path)
    b.run("plan", "org/tiny")
    b.hub = Hub({})
    return b


@case
def follows_a_moved_repository():
    repo = tiny()
    moved = Repo({})
    moved.moved_to = ("org/old", "org/tiny")
    b = Bench({"org/tiny": repo, "org/old": moved})
    b.hub.repos["org/old"].files, b.hub.repos["org/old"].commit = repo.files, repo.commit
    b.pull("org/old", HF_TOKEN="hf_secret")
    followed = b.hub.requests("GET", "/api/models/org/tiny/revision/main")
    same([r[3].get("Authorization") for r in followed], ["Bearer hf_secret"], "token after a redirect on the endpoint")
    return b


@case
def shows_the_token_to_the_endpoint_alone():
    b = Bench({"org/tiny": tiny()})
    b.pull("org/tiny", HF_TOKEN="hf_secret")
    kinds = {(server, headers.get("Authorization")) for server, _, _, headers in b.hub.log}
    same(kinds, {("endpoint", "Bearer hf_secret"), ("files", None)}, "who saw the token")
    return b


@case
def reads_the_token_of_a_login():
    b = Bench({"org/tiny": one(File(b"x"))["org/tiny"]})
    (b.home / "token").write_text("hf_login\n")
    b.pull("org/tiny")
    same({h.get("Authorization") for _, _, _, h in b.hub.log}, {"Bearer hf_login"})
    b.fails("org/tiny", says="HF_TOKEN: holds a character", HF_TOKEN="a\nX-Evil: 1")
    return b


@case
def finds_the_cache():
    b = Bench(one(File(b"x")))
    for variables, want in (({"HF_HUB_CACHE": str(b.home / "elsewhere")}, "elsewhere"), ({"HF_HUB_CACHE": "~/tilde"}, "tilde"),
                            ({"HF_HOME": "", "XDG_CACHE_HOME": str(b.home / "xdg")}, "xdg/huggingface/hub"),
                            ({"HF_HOME": ""}, ".cache/huggingface/hub")):
        assert str(b.pull("org/tiny", **variables)).startswith(str(b.home / want) + "/models--org--tiny/"), want
    b.fails("org/tiny", says="HF_ENDPOINT: is", HF_ENDPOINT="ftp://x")
    return b


# ---- Downloads that break ------------------------------------------------------------------------------------


@case
def goes_on_where_the_connection_broke():
    f = File(BIG, True)
    f.breaks = [100000, 1, 50000, 5000]
    b = Bench(one(f))
    same(b.pull("org/tiny").read_bytes(), BIG)
    gets = b.hub.requests("GET", "model.gguf", "files")
    same([r[3].get("Range") for r in gets], [None, "bytes=100000-", "bytes=100001-", "bytes=150001-", "bytes=155001-"])
    return b


@case
def goes_on_after_ctrl_c():
    f = File(BIG, True)
    f.piece_seconds = 0.05
    b = Bench(one(f))
    partial = pathlib.Path(str(b.blob(f)) + ".incomplete")
    process = subprocess.Popen([PARALLM, "pull", "org/tiny"], env=b.env(), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    wait_for(lambda: partial.exists() and partial.stat().st_size > 20000)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    same((process.returncode, out, err), (130, "", "parallm: interrupted\n"))
    there = partial.stat().st_size
    assert 0 < there < len(BIG) and partial.read_bytes() == BIG[:there]
    assert not (b.repo() / "snapshots").exists() and not (b.repo() / "refs").exists()
    b.fails("org/tiny", says="is not complete", HF_HUB_OFFLINE="1")
    f.piece_seconds = 0
    summary = json.loads(b.run("pull", "org/tiny", "--json"))
    same(summary["downloaded_bytes"], len(BIG) - there)
    same(b.hub.requests("GET", "model.gguf", "files")[-1][3].get("Range"), f"bytes={there}-")
    same(pathlib.Path(summary["path"]).read_bytes(), BIG)
    same(list((b.repo() / "blobs").glob("*.incomplete")), [])
    return b


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


@case
def begins_again_where_ranges_are_unknown():
    f = File(BIG, True)
    f.breaks, f.ranges = [100000], False
    b = Bench(one(f))
    same(b.pull("org/tiny").read_bytes(), BIG)
    return b


def with_partial(f, content):
    b = Bench(one(f))
    b.blob(f).parent.mkdir(parents=True)
    pathlib.Path(str(b.blob(f)) + ".incomplete").write_bytes(content)
    return b


@case
def distrusts_what_another_run_left():
    for content in (b"wrong" * 100, bytes(len(BIG)), BIG + b"too long", BIG):
        b = with_partial(File(BIG, True), content)
        same(b.pull("org/tiny").read_bytes(), BIG)
        if content == BIG:
            same(b.hub.requests("GET", "model.gguf"), [], "downloads of what is there already")
        b.close()
    f = File(BIG)
    f.headers = {"Content-Length": None}  # a file of unknown size and digest, of which too much is there
    b = with_partial(f, BIG + b"more")
    same(b.pull("org/tiny").read_bytes(), BIG)
    return b


@case
def tries_again_after_errors():
    f = File(BIG, True)
    f.statuses = [500, 503]
    b = Bench(one(f))
    b.hub.repos["org/tiny"].statuses = [502, 429]
    same(b.pull("org/tiny").read_bytes(), BIG)
    return b


@slow_case
def gives_up_on_errors():
    f = File(BIG, True)
    f.status = 500
    b = Bench(one(f))
    b.fails("org/tiny", says=["org/tiny/model.gguf: ", "HTTP 500"])
    same(len(b.hub.requests("HEAD", "model.gguf")), 5, "tries")
    return b


@slow_case
def gives_up_where_nothing_comes():
    f = File(BIG, True)
    f.breaks = [0] * 99
    b = Bench(one(f))
    b.fails("org/tiny", says="org/tiny/model.gguf: cannot be downloaded from")
    same(len(b.hub.requests("GET", "model.gguf", "files")), 5, "tries")
    return b


@slow_case
def gives_up_on_a_server_that_begins_anew():
    f = File(BIG, True)
    f.breaks, f.ranges = [5000] * 99, False
    b = Bench(one(f))
    b.fails("org/tiny", says="org/tiny/model.gguf: cannot be downloaded from")
    same(len(b.hub.requests("GET", "model.gguf", "files")), 5, "tries, of which the first came further than any before")
    return b


@case
def gives_up_without_a_hub():
    b = Bench({})
    b.hub.stop()
    b.fails("org/tiny", says=["org/tiny: cannot be downloaded from http://127.0.0.1:", "onnect"])
    b.fails("org/tiny", command="plan", says=["org/tiny: cannot be downloaded from http://127.0.0.1:", "onnect"])
    b.fails("org/tiny", says="Could not resolve host: nobody.invalid", HF_ENDPOINT="http://nobody.invalid")
    b.fails("org/tiny", command="plan", says="org/tiny: is missing or is not complete in", HF_HUB_OFFLINE="1")
    b.hub = Hub({})
    return b


@case
def two_processes_download_once():
    f = File(BIG, True)
    f.piece_seconds = 0.02
    b = Bench(one(f))
    both = [subprocess.Popen([PARALLM, "pull", "org/tiny"], env=b.env(), stdout=subprocess.PIPE) for _ in range(3)]
    outs = {p.communicate(timeout=100)[0] for p in both}
    same([p.returncode for p in both], [0, 0, 0])
    same(outs, {f"{b.repo()}/snapshots/{b.hub.repos['org/tiny'].commit}/model.gguf\n".encode()})
    same(b.blob(f).read_bytes(), BIG)
    same(len(b.hub.requests("GET", "model.gguf", "files")), 1, "downloads by three processes")
    return b


@case
def takes_an_empty_file_and_one_without_length():
    chunked = File(BIG)
    chunked.chunked, chunked.headers = True, {"Content-Length": None}
    b = Bench({"org/tiny": Repo({"empty.txt": b"", "long.txt": chunked})})
    same(b.pull("org/tiny", "--file", "empty.txt").read_bytes(), b"")
    same(b.pull("org/tiny", "--file", "long.txt").read_bytes(), BIG)
    return b


@case
def counts_a_file_without_length_before_the_shards():
    config = File(b"{}" + b" " * 9999)  # more than what is told of the rest
    config.chunked, config.headers = True, {"Content-Length": None}
    index = {"weight_map": {"a": "model-00001-of-00001.safetensors"}}
    b = Bench({"org/tiny": Repo({"config.json": config, "model.safetensors.index.json": json.dumps(index).encode(),
                                 "model-00001-of-00001.safetensors": File(b"one", True)})})
    same((b.pull("org/tiny") / "model-00001-of-00001.safetensors").read_bytes(), b"one")
    return b


# ---- Refusals and lies ---------------------------------------------------------------------------------------


@case
def says_why_it_is_refused():
    b = Bench({"org/tiny": Repo({"model.gguf": b"x"})})
    repo = b.hub.repos["org/tiny"]
    b.fails("org/none", says="org/none: no such model on http")
    repo.status = 401
    b.fails("org/tiny", says=["org/tiny: ", "private or gated", "HF_TOKEN"])
    b.fails("org/tiny", says=["org/tiny: ", "HF_TOKEN may not"], HF_TOKEN="hf_wrong")
    repo.status, repo.error_code = 403, "GatedRepo"
    b.fails("org/tiny", command="generate", says=["org/tiny: is gated", "HF_TOKEN", b.hub.url + "/org/tiny"])
    repo.status = None
    repo.files["model.gguf"].status = 403
    b.fails("org/tiny", says=["org/tiny/model.gguf: is gated", "HF_TOKEN"])
    repo.files["model.gguf"].status = 404
    b.fails("org/tiny", says="org/tiny/model.gguf: no such file on http")
    repo.files["model.gguf"].status = 418
    b.fails("org/tiny", says="answered HTTP 418")
    return b


@case
def refuses_wrong_bytes():
    f = File(BIG, True)
    f.body = BIG[:-1] + b"?"
    b = Bench(one(f))
    b.fails("org/tiny", says=["model.gguf: has the SHA-256 " + hashlib.sha256(f.body).hexdigest(), f.etag])
    same(list((b.repo() / "blobs").iterdir()), [], "blobs left")
    assert not (b.repo() / "refs").exists()
    return b


@case
def refuses_lies_about_lengths():
    for change, says in (({"head_size": len(BIG) + 1}, f"announced {len(BIG) + 1} bytes, but sends {len(BIG)}"),
                         ({"head_size": 10}, f"announced 10 bytes, but sends {len(BIG)}"),
                         ({"head_size": 10, "chunked": True}, "sends more than the 10 bytes"),
                         ({"body": BIG + b"more", "chunked": True}, f"sends more than the {len(BIG)} bytes"),
                         ({"body": BIG[:77], "chunked": True}, f"sent 77 bytes, but announced {len(BIG)}"),
                         ({"body": BIG[:77]}, f"announced {len(BIG)} bytes, but sends 77"),
                         ({"breaks": [1000], "lie_range": 5}, "another part of the file")):
        for lfs in (False, True):
            f = File(BIG, lfs)
            vars(f).update({k: list(v) if isinstance(v, list) else v for k, v in change.items()})
            b = Bench(one(f))
            b.fails("org/tiny", says=["model.gguf: the server ", says])
            assert not b.blob(f).exists()
            b.close()
    return None


@case
def refuses_evil_names():
    b = Bench({"org/tiny": Repo({"model.gguf": b"x"})})
    repo = b.hub.repos["org/tiny"]
    for name in ("../x", "/etc/x", "a/../../x", "..", "a/./b", "a//b", "a\\b", "", "a\nb", "x" * 300, "a\0b", 7, None):
        repo.listing = json.dumps({"sha": "abc", "siblings": [{"rfilename": "model.gguf"}, {"rfilename": name}]}).encode()
        b.fails("org/tiny", says="siblings[1].rfilename: is ")
    for listing, says in ((b"{", "line 1"), (b"[]", "wanted an object"), (b'{"sha": "abc"}', "siblings: is missing"),
                          (b'{"siblings": []}', "sha: is missing"), (b'{"sha": "../x", "siblings": []}', 'sha: is "../x"'),
                          (b'{"sha": "abc", "siblings": [3]}', "rfilename: is missing"), (b"", "line 1"),
                          (b'{"sha": "abc", "siblings": []}', "has neither config.json with safetensors nor a GGUF"),
                          (b'{"sha": "abc", "siblings": [' + b"{}," * 100001 + b"{}]}", "wanted at most 100000"),
                          (b" " * (16 << 20) + b"{}", "has more than 16777216 bytes"),
                          (b'{"sha": "abc", "siblings": [{"rfilename": "pytorch_model.bin"}]}', "pytorch_model.bin is never read")):
        repo.listing = listing
        b.fails("org/tiny", says=says)
    same([p.name for p in b.home.rglob("*") if p.is_file()], [], "files written")
    return b


@case
def refuses_evil_indexes_and_etags():
    for name, says in (("../x", 'is "../x"'), ("other.safetensors", "names other.safetensors, which the repository lacks"), (3, "wanted a string")):
        index = json.dumps({"weight_map": {"a.b": name}}).encode()
        b = Bench({"org/tiny": Repo({"config.json": b"{}", "model.safetensors.index.json": index})})
        b.fails("org/tiny", says=["weight_map", says])
        b.close()
    for etag in ("../../x", "", ".", "a/b", "x" * 200, "a.incomplete"):
        f = File(b"x")
        f.etag = etag
        b = Bench(one(f))
        b.fails("org/tiny", says="org/tiny/model.gguf: has the ETag ")
        b.close()
    f = File(b"x")
    f.headers = {"X-Repo-Commit": "other"}
    b = Bench(one(f))
    b.fails("org/tiny", says="is of commit other")
    return b


@case
def refuses_endless_redirects():
    f = File(b"x")
    f.loops = True
    b = Bench(one(f))
    b.fails("org/tiny", says="redirected too often")
    return b


@case
def says_that_the_disk_is_full():
    f = File(BIG, True)
    f.head_size = 10**18
    b = Bench(one(f))
    b.fails("org/tiny", says=[str(b.cache), "free, the download needs 1000000000000.0 MB"])
    same(b.hub.requests("GET", "model.gguf"), [], "downloads that cannot fit")

    def small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))

    f.head_size = None
    b.fails("org/tiny", says=[f.etag + ".incomplete: ", "File too large"], preexec=small_files)
    same(b.pull("org/tiny").read_bytes(), BIG)
    same(b.hub.requests("GET", "model.gguf", "files")[-1][3].get("Range"), "bytes=100000-")
    return b


@case
def says_that_the_cache_cannot_be_written():
    b = Bench(one(File(b"x")))
    b.cache.write_bytes(b"a file, not a folder")
    b.fails("org/tiny", says=str(b.cache))
    return b


@case
def takes_no_path_for_a_name():
    b = Bench({"org/tiny": tiny()})
    for name in ("tiny", "a/b/c", "./org/tiny", "/org/tiny", "../org", "models/x.gguf", "org/", "/tiny", "org/ti ny", "org//x",
                 "org/tiny:", "org/tiny@", "org/tiny@a@b", "org/tiny@../x", "org/tiny:a:b", "o..g/x", "org/a--b", "org/tiny:a/x.gguf",
                 "org/tiny/../x.gguf", "-x/y"):
        if name != "-x/y":
            b.fails(name, command="plan", says=f"{name}: no such file or folder")
        if name != "a/b/c":
            b.fails("--", name, says=f"{name}: is no name of a model")
    b.fails("org/tiny:Q4_0", "--file", "x.gguf", says="names one already", code=2)
    b.fails(says="pull: has no NAME", code=2)
    same(b.hub.log, [], "requests")
    return b


# ---- The terminal --------------------------------------------------------------------------------------------


def on_terminal(b, columns, *words):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([PARALLM, "pull", "org/tiny", *words], env=b.env(), stdout=subprocess.DEVNULL, stderr=slave)
    os.close(slave)
    text = b""
    try:
        while piece := os.read(master, 65536):
            text += piece
    except OSError:
        pass  # the other side is closed
    os.close(master)
    same(process.wait(timeout=60), 0)
    return text.decode()


def slow_download():
    f = File(BIG, True)
    f.piece_seconds = 0.03
    return Bench(one(f))


def progress_of(columns, wanted):
    b = slow_download()
    text = on_terminal(b, columns)
    assert text.endswith("\r\x1b[K"), f"the line stays: {text[-50:]!r}"
    lines = [line for line in text.replace("\x1b[K", "").split("\r") if line]
    assert lines and all(len(line) < columns and "\n" not in line for line in lines), lines
    for part in wanted:
        assert part in lines[0], f"{lines[0]!r} lacks {part!r}"
    b.close()


@case
def shows_progress_on_a_wide_terminal():
    progress_of(100, ("downloading org/tiny  [", "] ", " %  ", "MB/s", " left"))


@case
def shows_progress_on_a_narrow_terminal():
    progress_of(40, ("downloading org/tiny", " %"))


@case
def shows_progress_on_a_tiny_terminal():
    progress_of(12, (" %",))


@case
def is_quiet():
    b = slow_download()
    same(on_terminal(b, 80, "--quiet"), "")
    return b


@case
def is_silent_elsewhere():
    b = slow_download()
    done = subprocess.run([PARALLM, "pull", "org/tiny"], env=b.env(), capture_output=True, timeout=60, check=True)
    same(done.stderr, b"")
    return b


def attempt(function):
    try:
        bench = function()
        if bench:
            bench.close()
        return None
    except Exception:  # pylint: disable=broad-except
        return traceback.format_exc(limit=-3)


def main():
    probe = subprocess.run([PARALLM, "pull", "a/b"], env={"HOME": MISSING, "HF_ENDPOINT": "http://127.0.0.1:9"}, capture_output=True,
                           text=True, check=False)
    if "made without libcurl" in probe.stderr:
        sys.exit(77)
    named = [c for c in CASES + SLOW if c.__name__ in sys.argv[1:]]
    cases = named or {"quick": CASES, "slow": SLOW}[sys.argv[1]]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        results = list(pool.map(attempt, cases))
    for function, result in zip(cases, results):
        print(f"{'FAILED' if result else 'ok':6} {function.__name__}")
        if result:
            print(result)
    sys.exit(any(results))


main()
