#!/usr/bin/env python3
"""Who may include whom: the table of docs/architecture.md, checked over every #include line."""
import pathlib
import re
import sys

MAY_INCLUDE = {
    "base": {"base"},
    "kernels": {"base", "kernels"},
    "text": {"base", "text"},
    "hub": {"base", "hub"},
    "weights": {"base", "kernels", "weights"},
    "backend": {"base", "kernels", "weights", "backend"},
    "model": {"base", "weights", "backend", "model"},
    "engine": {"base", "text", "backend", "model", "engine"},
}
ONLY = {  # (layer, layer included): the only headers it may take
    ("kernels", "base"): {"platform.h", "mem.h"},
    ("backend", "weights"): {"weight.h", "lora.h"},
    ("model", "backend"): {"backend.h"},
    ("engine", "backend"): {"backend.h"},
}
LIBRARIES = {"jansson.h": "src/base/json.c", "pcre2.h": "src/text/", "utf8proc.h": "src/text/", "curl/curl.h": "src/hub/"}


def complaints(path):
    parts = path.parts
    layer = parts[1] if parts[0] == "src" and len(parts) > 2 else None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        local = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
        system = re.match(r"\s*#\s*include\s+<([^>]+)>", line)
        where = f"{path}:{number}"
        if system and system[1] in LIBRARIES and parts[0] == "src" and not str(path).startswith(LIBRARIES[system[1]]):
            yield f"{where}: only {LIBRARIES[system[1]]} may include <{system[1]}>"
        if not local or local[1] == "parallm.h":
            continue
        target, _, rest = local[1].partition("/")
        if parts[0] in ("apps", "python", "examples"):
            if (pathlib.Path("src") / local[1]).exists():
                yield f"{where}: applications include parallm.h and nothing below src/"
        elif layer and target not in MAY_INCLUDE[layer]:
            yield f"{where}: {layer} may not include {target or local[1]}"
        elif layer and target != layer and rest not in ONLY.get((layer, target), {rest}):
            yield f"{where}: {layer} may include only {', '.join(sorted(ONLY[layer, target]))} of {target}"


def main():
    files = [p for root in ("src", "apps", "examples") for p in sorted(pathlib.Path(root).rglob("*")) if p.suffix in (".c", ".h", ".inc", ".cu")]
    wrong = [c for p in files for c in complaints(p)]
    print("\n".join(wrong) or f"{len(files)} files keep to the table")
    sys.exit(bool(wrong) or not files)


main()
