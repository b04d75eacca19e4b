"""Texts by `parallm tokenize` and by the package tokenizers: ids of all four ways to encode, and decoded texts."""
import glob
import gzip
import json
import os
import subprocess
import tempfile

import tokenizers

import assemble
import random_text

TEMPORARY = tempfile.TemporaryDirectory()
WAYS = [(add, parse) for add in (False, True) for parse in (False, True)]


def answers(parallm, model, flags, objects):
    lines = "".join(json.dumps(x) + "\n" for x in objects)
    run = subprocess.run([parallm, "tokenize", model, *flags], input=lines, capture_output=True, encoding="utf-8", timeout=300)
    out = [json.loads(line) for line in run.stdout.split("\n")[:-1]]
    if len(out) != len(objects):
        out = [{"error": "exit status %d: %s" % (run.returncode, run.stderr[-200:])}] * len(objects)
    return out


def show(x):
    s = json.dumps(x)
    return s if len(s) < 300 else s[:297] + "..."


def attempt(f):
    """What it returns, and how it failed; a panic of the library is no answer to compare with."""
    try:
        return f(), None
    except BaseException as e:
        if not isinstance(e, Exception) and type(e).__name__ != "PanicException":
            raise
        return None, "panic" if type(e).__name__ == "PanicException" else str(e)


def encode_all(parallm, model, reference, texts):
    """Differences, how many answers were compared, and the lists of ids that came out."""
    differences, lists = [], []
    for add, parse in WAYS:
        flags = ([] if add else ["--no-special"]) + (["--parse-special"] if parse else [])
        got = answers(parallm, model, flags, [{"text": t} for t in texts])
        reference.encode_special_tokens = not parse
        for text, answer in zip(texts, got):
            wanted, failure = attempt(lambda: reference.encode(text, add_special_tokens=add).ids)
            if wanted:
                lists.append(wanted)
            if failure == "panic":
                continue
            if failure:  # an unknown token where the model has none for it
                answer = {} if "error" in answer else {"token_ids": "ids, wanted " + failure}
            if answer.get("token_ids") != wanted:
                differences.append("%s of %s gives %s, wanted %s" % (" ".join(flags) or "encoding", show(text),
                                                                     show(answer.get("token_ids", answer)), show(wanted)))
    reference.encode_special_tokens = False
    return differences, len(WAYS) * len(texts), lists


def decode_all(parallm, model, reference, lists):
    differences = []
    for skip in (False, True):
        flags = ["--decode"] + (["--no-special"] if skip else [])
        for ids, answer in zip(lists, answers(parallm, model, flags, [{"token_ids": x} for x in lists])):
            wanted, failure = attempt(lambda: reference.decode(ids, skip_special_tokens=skip))
            if failure:
                continue
            if answer.get("text") != wanted:
                differences.append("%s of %s gives %s, wanted %s" % (" ".join(flags), show(ids), show(answer.get("text", answer)),
                                                                     show(wanted)))
    return differences, 2 * len(lists)


def compare(parallm, model, reference, rng, n_texts, longest=1 << 20):
    added = [t.content for t in reference.get_added_tokens_decoder().values()]
    size = reference.get_vocab_size()
    spelled = [reference.id_to_token(rng.randrange(size)) for _ in range(40)]
    mixed = (rng.sample(added, min(len(added), 30)) or ["<s>"]) + [s for s in spelled if s]
    texts = [random_text.text(rng, mixed, longest) for _ in range(n_texts)]
    differences, n, lists = encode_all(parallm, model, reference, texts)
    lists = rng.sample(lists, min(len(lists), n_texts))
    lists += [[rng.randrange(size) for _ in range(rng.randint(0, 20))] for _ in range(n_texts // 2)]
    more, n_more = decode_all(parallm, model, reference, lists)
    return n + n_more, differences + more


def prepare_real(a):
    rounds = []
    for path in sorted(glob.glob(os.path.join(a.reference, "tokenizers", "*", "tokenizer.json*"))):
        name = os.path.basename(os.path.dirname(path))
        if a.only and a.only != name:
            continue
        folder = os.path.join(TEMPORARY.name, name)
        os.makedirs(folder)
        with (gzip.open(path) if path.endswith(".gz") else open(path, "rb")) as source:
            content = source.read()
        with open(os.path.join(folder, "tokenizer.json"), "wb") as f:
            f.write(content)
        reference = tokenizers.Tokenizer.from_str(content.decode())
        rounds.append((name, lambda rng, m=folder, r=reference: compare(a.parallm, m, r, rng, 200)))
    return rounds


def play_assembled(a, rng):
    """Several small tokenizers, each with some texts. One that the package refuses must be refused here, too."""
    folder = os.path.join(TEMPORARY.name, "assembled")
    os.makedirs(folder, exist_ok=True)
    checked, differences = 0, []
    for _ in range(10):
        made = assemble.tokenizer(rng, a.only)
        with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
            json.dump(made, f)
        try:
            reference = tokenizers.Tokenizer.from_str(json.dumps(made))
        except Exception as e:
            checked += 1
            if "token_ids" in answers(a.parallm, folder, [], [{"text": "a"}])[0]:
                differences.append("opens, wanted %s: %s" % (e, json.dumps(made)))
            continue
        n, found = compare(a.parallm, folder, reference, rng, 12, 300)  # some expressions take the package for ever on more
        checked += n
        if found and a.keep:
            os.makedirs(a.keep, exist_ok=True)
            with open(os.path.join(a.keep, "%d.json" % len(os.listdir(a.keep))), "w", encoding="utf-8") as f:
                json.dump(made, f)
                f.write("\n%s\n" % found[0])
        short = {k: made[k] for k in ("normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens")}
        short["model"] = {k: v for k, v in made["model"].items() if k not in ("vocab", "merges")}
        differences += ["%s by %s" % (d, json.dumps(short)) for d in found]
    return checked, differences


def prepare(a):
    if a.kind == "tokenizers":
        return prepare_real(a)
    return [("assembled", lambda rng: play_assembled(a, rng))]
