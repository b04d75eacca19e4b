"""The examples of docs/python.md."""

import doctest

from conftest import MLX, ROOT


def test_examples(tmp_path, monkeypatch):
    (tmp_path / "model").symlink_to(MLX)
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    examples = doctest.DocTestParser().get_doctest(text, {}, "python.md", "docs/python.md", 0)
    result = doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(examples)
    assert result.failed == 0 and result.attempted > 20
