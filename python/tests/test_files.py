"""quantize and pull: what they write is what the command writes, and is read again."""

import subprocess
import sys

import pytest
from conftest import COMMAND, GEMMA, MLX, ROOT

import parallm
from parallm import LLM, SamplingParams

sys.path.append(str(ROOT / "tests" / "hub"))
from server import File, Hub, Repo  # noqa: E402

GREEDY = SamplingParams(temperature=0, max_tokens=12, ignore_eos=True)


def answer(path, **options):
    with LLM(model=str(path), **options) as llm:
        return [o.outputs[0].token_ids for o in llm.generate([[5, 9, 300], [7]], GREEDY, use_tqdm=False)]


def test_quantize_writes_what_the_command_writes(tmp_path):
    parallm.quantize(GEMMA, tmp_path / "ours.gguf", "q8_0")
    subprocess.run([COMMAND, "quantize", GEMMA, tmp_path / "theirs.gguf", "--type", "q8_0", "--quiet"], check=True)
    assert (tmp_path / "ours.gguf").read_bytes() == (tmp_path / "theirs.gguf").read_bytes()
    assert answer(tmp_path / "ours.gguf") == answer(GEMMA, quantization="q8_0")


def test_quantize_refuses_an_unknown_type_and_leaves_nothing(tmp_path):
    with pytest.raises(parallm.ArgumentError, match="q9"):
        parallm.quantize(GEMMA, tmp_path / "out.gguf", "q9")
    assert not list(tmp_path.iterdir())


def test_quantize_can_be_stopped_and_leaves_nothing(tmp_path):
    def stop(_what, _done, _total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parallm.quantize(GEMMA, tmp_path / "out.gguf", "q8_0", progress=stop)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_is_an_error_of_files(tmp_path):
    with pytest.raises(parallm.FileError, match="nowhere"):
        parallm.quantize(GEMMA, tmp_path / "nowhere" / "out.gguf", "q8_0")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    files = {p.name: File(p.read_bytes(), p.suffix == ".safetensors") for p in MLX.iterdir() if p.is_file()}
    hub = Hub({"org/tiny": Repo(files)})
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "HF_HUB_OFFLINE", "HF_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    yield hub
    hub.stop()


def test_pull_downloads_once(hub):
    seen = []
    path = parallm.pull("org/tiny", progress=lambda what, done, total: seen.append((done, total)))
    assert answer(path) == answer(MLX)
    assert seen and seen[-1][0] == seen[-1][1]
    hub.log.clear()
    assert parallm.pull("org/tiny", offline=True) == path
    assert not hub.log


def test_a_revision_stands_apart_or_in_the_name(hub):
    for name, options in (("org/tiny", {"revision": "v1"}), ("org/tiny@v1", {})):
        hub.log.clear()
        with pytest.raises(parallm.ParallmError, match="v1"):
            LLM(name, **options)
        assert [path for _, _, path, _ in hub.log] == ["/api/models/org/tiny/revision/v1"]
    assert answer("org/tiny", revision="main") == answer(MLX)


def test_pull_says_what_there_is_not(hub):
    with pytest.raises(parallm.ParallmError, match="org/none"):
        parallm.pull("org/none")
    with pytest.raises(parallm.ParallmError, match="offline|cache"):
        parallm.pull("org/tiny", offline=True)
