#!/usr/bin/env python3
"""Writes src/text/unicode_new.inc: characters that Unicode got after version 14, which the PCRE2 and utf8proc of
many systems do not know, with the general category that the `tokenizers` package's regular expressions give them.

usage: make_unicode_new.py > src/text/unicode_new.inc    (Python 3.11, whose unicodedata is version 14; tokenizers)
"""
import sys
import unicodedata

import tokenizers
from tokenizers import Regex, pre_tokenizers

CATEGORIES = ["Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm",
              "Sc", "Sk", "So"]
# What stands for a new character of a category: an old one of the same width in UTF-8.
THREE = dict(Lu=0x1E00, Ll=0x1E01, Lm=0x1D2C, Lo=0x0904, Mn=0x0900, Mc=0x0903, Nd=0x0966, No=0x09F4, Po=0x0964, Pd=0x2010,
             Ps=0x2045, Pe=0x2046, Sm=0x2044, Sc=0x20A0, Sk=0x1FBD, So=0x2100)
FOUR = dict(Lu=0x10400, Ll=0x10428, Lm=0x16B40, Lo=0x10000, Mn=0x10A01, Mc=0x11000, Nd=0x104A0, Nl=0x10140, No=0x10107,
            Po=0x10100, Pd=0x10EAD, Sm=0x1D6C1, Sc=0x1E2FF, Sk=0x1F3FB, So=0x1D000)
HAN = 0x20000
ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def matching(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    kept = set("".join(piece for piece, _ in split.pre_tokenize_str("".join(map(chr, ALL)))))
    return {c for c in ALL if chr(c) not in kept}


def main():
    if unicodedata.unidata_version != "14.0.0":
        sys.exit("this Python's unicodedata is %s, wanted 14.0.0" % unicodedata.unidata_version)
    category = {c: k for k in CATEGORIES for c in matching(r"\p{%s}" % k)}
    han = matching(r"\p{Han}")
    ranges = []
    for c in sorted(category):
        if unicodedata.category(chr(c)) != "Cn":
            continue
        k = category[c]
        stand_in = HAN if c in han and k == "Lo" and c > 0xFFFF else (THREE if c < 0x10000 else FOUR)[k]
        if ranges and ranges[-1][1] == c - 1 and ranges[-1][2] == stand_in:
            ranges[-1][1] = c
        else:
            ranges.append([c, c, stand_in])
    print("/* By tools/make_unicode_new.py with tokenizers %s: {first, last, an old character of their category}. */"
          % tokenizers.__version__)
    for first, last, stand_in in ranges:
        print("{0x%05X, 0x%05X, 0x%05X}," % (first, last, stand_in))


main()
