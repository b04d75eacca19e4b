"""Small tokenizer.json files put together at random from the components that files in the wild have."""

MARK = "\u2581"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
REGEXES = [LLAMA3, LLAMA3.replace("{1,3}", ""), r"\p{N}{1,3}", r"[0-9][0-9][0-9]", r"\s?\p{L}+", r"[一-龥ࠀ-一가-퟿]+", r"[\r\n]", r"\s?\p{P}+",
           r" ?[^(\s|[.,!?…。，、।۔،])]+", r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s+",
           r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s",
           r"\d", r"\w+|[^\w\s]+", r"[A-Z]", r"(?<=[a-z])(?=[A-Z])", r" {2,}", r"\n", r".", r"[\p{Han}]", r"(?m:.)\p{M}+"]


def byte_alphabet():
    printable = [*range(0x21, 0x7f), *range(0xa1, 0xad), *range(0xae, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def merged(rng, vocab, n, prefix=""):
    """Adds the results of n random merges to the vocabulary; returns the merges."""
    merges, tokens = [], [t for t in vocab if not t.startswith("<")]
    frequent = [t for t in tokens if t in "etaoinshrdlu \u0120\u2581,.0123456789\u00c3\u00a9\u010a"] or tokens
    for _ in range(n):
        left, right = rng.choice(rng.choice((frequent, tokens))), rng.choice(rng.choice((frequent, tokens)))
        if prefix and not right.startswith(prefix):
            continue
        whole = left + right[len(prefix):]
        if len(whole) > 8 or [left, right] in merges:
            continue
        if whole not in vocab:
            vocab[whole] = len(vocab)
            tokens.append(whole)
            frequent.append(whole)
        merges.append([left, right])
    return merges if rng.random() < 0.5 else [" ".join(m) for m in merges] if all(" " not in m[0] + m[1] for m in merges) else merges


def bpe(rng, byte_level):
    bytes_too = not byte_level and rng.random() < 0.6
    specials = ["<unk>", "<s>", "</s>"]
    if bytes_too:
        specials += ["<0x%02X>" % b for b in range(256)]
    if byte_level:
        letters = byte_alphabet()
    else:
        letters = [c for c in "abcdefghijklmnoprstuvwxyzABCDEFGH0123456789.,'!?-\u00e9\u4e2d\u3042\u0301" if rng.random() < 0.9] + [MARK, " "]
    vocab = {t: i for i, t in enumerate(specials + letters)}
    affix = "" if byte_level or bytes_too or rng.random() < 0.9 else "##"
    if affix:
        vocab.update({affix + c: len(vocab) + i for i, c in enumerate(letters)})
    merges = merged(rng, vocab, rng.choice((0, 30, 300)), affix)
    return {"type": "BPE", "dropout": None, "unk_token": rng.choice((None, "<unk>")), "continuing_subword_prefix": affix or None,
            "end_of_word_suffix": None, "fuse_unk": rng.random() < 0.5, "byte_fallback": bytes_too,
            "ignore_merges": rng.random() < 0.3, "vocab": vocab, "merges": merges}


def unigram(rng):
    pieces, bytes_too = ["<unk>", "<s>", "</s>"], rng.random() < 0.5
    if bytes_too:
        pieces += ["<0x%02X>" % b for b in range(256)]
    letters = [c for c in "abcdefghijklmnoprstuvwxyzABC012.,\u00e9\u4e2d\u3042" if rng.random() < 0.9] + [MARK]
    seen = {t: i for i, t in enumerate(pieces + letters)}
    merged(rng, seen, rng.choice((30, 200)))
    vocab = [[t, 0.0 if t.startswith("<") else round(-rng.random() * 12, rng.choice((1, 6)))] for t in seen]
    return {"type": "Unigram", "unk_id": 0 if rng.random() < 0.9 else None, "vocab": vocab, "byte_fallback": bytes_too}


def pattern(rng):
    return {"Regex": rng.choice(REGEXES)} if rng.random() < 0.6 else {"String": rng.choice((" ", "a", MARK, "  ", "\n", "th", "'", "."))}


def normalizer(rng, depth=0):
    kind = rng.choice(("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "Strip", "StripAccents", "Nmt", "Prepend", "Replace", "Replace", "Sequence"))
    if kind == "Sequence":
        return {"type": kind, "normalizers": [normalizer(rng, 1) for _ in range(rng.randint(0, 3))]} if depth == 0 else normalizer(rng, 1)
    out = {"type": kind}
    if kind == "Strip":
        out.update(strip_left=rng.random() < 0.5, strip_right=rng.random() < 0.5)
    if kind == "Prepend":
        out["prepend"] = rng.choice((MARK, MARK, " ", "ab"))
    if kind == "Replace":
        out.update(pattern=pattern(rng), content=rng.choice((MARK, " ", "", "b")))
    return out


BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")


def pre_tokenizer(rng, depth=0):
    kind = rng.choice(("Split", "Split", "Split", "ByteLevel", "Metaspace", "Digits", "Punctuation", "Whitespace", "WhitespaceSplit",
                       "BertPreTokenizer", "CharDelimiterSplit", "Sequence", "Sequence"))
    if kind == "Sequence":
        return {"type": kind, "pretokenizers": [pre_tokenizer(rng, 1) for _ in range(rng.randint(0, 3))]} if depth == 0 else pre_tokenizer(rng, 1)
    out = {"type": kind}
    if kind == "Split":
        out.update(pattern=pattern(rng), behavior=rng.choice(BEHAVIORS), invert=rng.random() < 0.3)
    if kind == "ByteLevel":
        out.update(add_prefix_space=rng.random() < 0.4, trim_offsets=True, use_regex=rng.random() < 0.6)
    if kind == "Metaspace":
        out.update(replacement=MARK, prepend_scheme=rng.choice(("always", "first", "never")), split=rng.random() < 0.5)
    if kind == "Digits":
        out["individual_digits"] = rng.random() < 0.5
    if kind == "Punctuation":
        out["behavior"] = rng.choice(BEHAVIORS)
    if kind == "CharDelimiterSplit":
        out["delimiter"] = rng.choice((" ", "-", "a", MARK))
    return out


def decoder(rng, depth=0):
    kind = rng.choice(("ByteLevel", "Metaspace", "ByteFallback", "Fuse", "Strip", "Replace", "BPEDecoder", "Sequence", "Sequence", "Sequence"))
    if kind == "Sequence":
        return {"type": kind, "decoders": [decoder(rng, 1) for _ in range(rng.randint(0, 4))]} if depth == 0 else decoder(rng, 1)
    out = {"type": kind}
    if kind == "ByteLevel":
        out.update(add_prefix_space=True, trim_offsets=True, use_regex=True)
    if kind == "Metaspace":
        out.update(replacement=MARK, prepend_scheme=rng.choice(("always", "first", "never")), split=True)
    if kind == "Strip":
        out.update(content=rng.choice((" ", MARK, "a")), start=rng.randint(0, 2), stop=rng.randint(0, 2))
    if kind == "Replace":
        out.update(pattern={"String": rng.choice((MARK, " ", "a"))}, content=rng.choice((" ", "", "b")))
    if kind == "BPEDecoder":
        out["suffix"] = "</w>"
    return out


def post_processor(rng, depth=0):
    kind = rng.choice(("ByteLevel", "TemplateProcessing", "RobertaProcessing", "Sequence"))
    if kind == "Sequence":
        return {"type": kind, "processors": [{"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}, post_processor(rng, 1)]} if depth == 0 else post_processor(rng, 1)
    if kind == "ByteLevel":
        return {"type": kind, "add_prefix_space": True, "trim_offsets": rng.random() < 0.5, "use_regex": True}
    if kind == "RobertaProcessing":
        return {"type": kind, "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True, "add_prefix_space": False}
    text = [{"Sequence": {"id": "A", "type_id": 0}}]
    single = [{"SpecialToken": {"id": "<s>", "type_id": 0}}] * rng.randint(0, 2) + text + [{"SpecialToken": {"id": "</s>", "type_id": 0}}] * rng.randint(0, 1)
    return {"type": kind, "single": single, "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {t: {"id": t, "ids": [i], "tokens": [t]} for i, t in ((1, "<s>"), (2, "</s>"))}}


def added_tokens(rng, vocab):
    """Three of the vocabulary's and some behind it."""
    names = ["<unk>", "<s>", "</s>"] + rng.sample(["<|im_start|>", "<|im_end|>", " ", "  ", "\n", "ab", "A", "th", "\u4e2d", "<x>", MARK + MARK,
                                                    "1", "\u00c9", "<|a b|>", "e\u0301"], rng.randint(0, 6))
    out, following = [], len(vocab)
    for i, name in enumerate(names):
        plain = i < 3 or rng.random() < 0.5
        identity = vocab.get(name)
        if identity is None:
            identity, following = following, following + 1
        out.append({"id": identity, "content": name, "single_word": not plain and rng.random() < 0.3, "lstrip": not plain and rng.random() < 0.3,
                    "rstrip": not plain and rng.random() < 0.3, "normalized": not plain and rng.random() < 0.6,
                    "special": i < 3 or rng.random() < 0.4})
    return sorted(out, key=lambda t: t["id"])


def family(rng):
    """The skeletons of real families, with one part changed now and then."""
    kind = rng.randrange(4)
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    if kind == 0:
        return (bpe(rng, True), rng.choice((None, {"type": "NFC"})),
                {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": pattern(rng), "behavior": rng.choice(BEHAVIORS[:4]), "invert": rng.random() < 0.2}, level]},
                {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True})
    end = {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
                                            {"type": "Strip", "content": " ", "start": 1, "stop": 0}][:rng.choice((3, 4))]}
    if kind == 1:
        steps = [{"type": "Prepend", "prepend": MARK}, {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]
        return bpe(rng, False), {"type": "Sequence", "normalizers": steps[rng.randint(0, 1):]}, None, end
    scheme = rng.choice(("always", "first", "never"))
    space = {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme, "split": rng.random() < 0.5}
    if kind == 2:
        return bpe(rng, False), None, space, rng.choice((end, space))
    return (unigram(rng), rng.choice((None, {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "NFKC"},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]})),
            rng.choice((space, {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"}, space]})), space)


def tokenizer(rng, only=""):
    """`only`: "family" for skeletons of families alone, "random" for any combination."""
    if only != "random" and (only == "family" or rng.random() < 0.6):
        model, norm, pre, end = family(rng)
    else:
        byte_level = rng.random() < 0.5
        model = unigram(rng) if rng.random() < 0.25 else bpe(rng, byte_level)
        norm, pre, end = (f(rng) if rng.random() < 0.8 else None for f in (normalizer, pre_tokenizer, decoder))
    vocab = model["vocab"] if isinstance(model["vocab"], dict) else {t: i for i, (t, _) in enumerate(model["vocab"])}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added_tokens(rng, vocab), "normalizer": norm,
            "pre_tokenizer": pre, "post_processor": post_processor(rng) if rng.random() < 0.5 else None, "decoder": end, "model": model}
