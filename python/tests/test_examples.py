"""What stands in examples/ runs, on a tiny model."""

import os
import subprocess
import sys

import pytest
from conftest import MLX, ROOT


def test_demo():
    demo = str(ROOT / "examples" / "demo.py")
    done = subprocess.run([sys.executable, demo, str(MLX)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.split("\n")
    assert lines[1].startswith("Prompt: ") and lines[2].startswith("Generation: ")
    assert lines[-2] == "325 prompts answered"
    assert sum(line.startswith("Prompt: Think of a real word") for line in lines) == 325


def test_notebook(monkeypatch):
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    pytest.importorskip("matplotlib")
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        pytest.skip("the sanitizer objects to the notebook's own packages")
    monkeypatch.setenv("PARALLM_MODEL", str(MLX))
    notebook = nbformat.read(ROOT / "examples" / "throughput.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)  # they are the reader's to make
    nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3").execute(cwd=str(ROOT / "examples"))
    kinds = {kind for output in notebook.cells[-1].outputs for kind in output.get("data", {})}
    assert "image/png" in kinds
    assert "64 sequences" in notebook.cells[-2].outputs[0].text
