#!/usr/bin/env python3
"""Puts the licences of the libraries that auditwheel or delocate copied into a wheel into it, beside our own.

usage: wheel_licenses.py WHEEL... The texts are those of the packages that the libraries came from (dpkg, rpm or Homebrew). A
library whose licence is not found is an error: such a wheel must not be given away."""
import base64
import glob
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import zipfile

COMMON = "/usr/share/common-licenses/"  # what Debian's texts refer to


def answer(*command):
    return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()


def files_by_dpkg(library):
    """`dpkg -S`: "libjansson4:amd64: /usr/lib/x86_64-linux-gnu/libjansson.so.4.14.0"."""
    packages = {line.split(":")[0] for line in answer("dpkg", "-S", f"*/{library}")}
    return [f"/usr/share/doc/{p}/copyright" for p in sorted(packages)]


def files_by_rpm(library):
    path = next(iter(glob.glob(f"/usr/lib64/{library}") + glob.glob(f"/lib64/{library}")), None)
    return answer("rpm", "-qf", "--licensefiles", path) if path else []


def files_by_brew(library):
    """The folder of the version in the Cellar has the licence at its top."""
    path = pathlib.Path(os.path.realpath(os.path.join((answer("brew", "--prefix") or [""])[0], "lib", library)))
    return [str(f) for f in sorted(path.parent.parent.glob("*")) if re.match(r"LICEN[CS]E|COPYING", f.name)]


def licenses_of(library):
    """File name in the wheel -> text."""
    by = files_by_dpkg if shutil.which("dpkg") else files_by_rpm if shutil.which("rpm") else files_by_brew
    found = [f for f in by(library) if os.path.isfile(f)]
    if not found:
        sys.exit(f"wheel_licenses: {library}: its licence is not found, wanted one in the package it came from")
    stem = re.match(r"(lib)?([\w+-]+?)(-[\d.]+)?\.", library)[2]
    texts = {}
    for file in found:
        text = pathlib.Path(file).read_text(encoding="utf-8", errors="replace")
        texts.setdefault(f"{stem}.txt", "")
        texts[f"{stem}.txt"] += text
        for name in re.findall(rf"{COMMON}([\w+-]+(?:\.\d+)*)", text):
            common = pathlib.Path(COMMON, name)
            if common.is_file():
                texts[f"common/{name}.txt"] = common.read_text(encoding="utf-8", errors="replace")
    return texts


def record_line(name, content):
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def complete(wheel):
    with zipfile.ZipFile(wheel) as old:
        entries = [(info, old.read(info)) for info in old.infolist()]
    names = [info.filename for info, _ in entries]
    copied = sorted({re.sub(r"-[0-9a-f]{8}(?=\.)", "", os.path.basename(n)) for n in names
                     if re.search(r"(\.libs|\.dylibs)/[^/]+$", n)})
    record = next(n for n in names if n.endswith(".dist-info/RECORD"))
    folder = record.replace("RECORD", "licenses/")
    texts = {}
    for library in copied:
        texts.update(licenses_of(library))
    added = [(folder + name, text.encode()) for name, text in sorted(texts.items()) if folder + name not in names]
    with zipfile.ZipFile(wheel + ".new", "w", zipfile.ZIP_DEFLATED) as new:
        date = next(info.date_time for info, _ in entries if info.filename == record)
        for name, content in added:
            info = zipfile.ZipInfo(name, date)
            info.external_attr = 0o644 << 16
            new.writestr(info, content, zipfile.ZIP_DEFLATED)
        for info, content in entries:
            if info.filename == record:
                content += "".join(record_line(*a) for a in added).encode()
            new.writestr(info, content, zipfile.ZIP_DEFLATED)
    os.replace(wheel + ".new", wheel)
    print(f"{wheel}: {len(copied)} libraries inside, {len(added)} texts of licences added")


for path in sys.argv[1:]:
    complete(path)
