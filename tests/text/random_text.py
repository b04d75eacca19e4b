"""Random texts: words, scripts, white space, numbers, long runs, code points from all over Unicode, special tokens."""

RANGES = [(0x20, 0x7e), (0x20, 0x7e), (0, 0x1f), (0x7f, 0xa0), (0xa1, 0x24f), (0x250, 0x2ff), (0x300, 0x36f), (0x370, 0x3ff),
          (0x400, 0x52f), (0x531, 0x58f), (0x591, 0x5f4), (0x600, 0x6ff), (0x900, 0x97f), (0xe01, 0xe5b), (0x10a0, 0x10ff),
          (0x1100, 0x11ff), (0x1e00, 0x1fff), (0x2000, 0x206f), (0x2070, 0x218f), (0x2190, 0x24ff), (0x2500, 0x27bf),
          (0x2c00, 0x2dff), (0x3000, 0x303f), (0x3041, 0x30ff), (0x3400, 0x4dbf), (0x4e00, 0x9fff), (0xac00, 0xd7a3),
          (0xe000, 0xf8ff), (0xf900, 0xfaff), (0xfb00, 0xfdff), (0xfe00, 0xfe6f), (0xff01, 0xffef), (0xfff0, 0xffff),
          (0x10000, 0x100ff), (0x10400, 0x104ff), (0x16a40, 0x16aff), (0x1d400, 0x1d7ff), (0x1e900, 0x1e95f),
          (0x1f000, 0x1f2ff), (0x1f300, 0x1f64f), (0x1f900, 0x1f9ff), (0x20000, 0x2a6df), (0x2f800, 0x2fa1f), (0xe0000, 0xe01ef),
          (0xf0000, 0x10ffff)]
SPACES = [" ", "  ", "    ", "\n", "\n\n", "\t", "\r\n", "\r", " \n", "\n ", "\u00a0", "\u3000", "       ", "\u2028", "\u2003",
          "\u200b", "\u0085", "\x0b", "\x0c", "\u2581", "\ufeff", "\x1c", "\u180e", "\u202f"]
WORDS = """the quick brown fox jumps over lazy dog Hello WORLD don't I'll we've it's they'd you're I'm John's HE'S 'tis def
return for (int i = 0; i++) { } </div> http://a.b/c?d=e&f=g foo_bar camelCase SCREAMING_CASE x86_64 3.14159 -1e-9 0xDEADBEEF
naïve café Straße Über señor ﬁne ①② ½ ñ é 東京 こんにちは カタカナ 안녕하세요 Привет мир שלום مرحبا नमस्ते สวัสดี Ελληνικά 你好，世界。
👩‍👩‍👧‍👦 🇩🇪 👍🏽 ‍ ❤️ … — “quoted” «guillemets» ¿qué? !? ... --- *** ### \\n \\t <0x0A> <unk> ▁the Ġthe ſ K Å İ ǅ""".split()
PUNCTUATION = "!?.,;:'\"()[]{}<>@#$%^&*-_=+|\\/~`"


def characters(rng, n):
    low, high = rng.choice(RANGES)
    return "".join(chr(rng.randint(low, high)) for _ in range(n))


def number(rng):
    return str(rng.randrange(10 ** rng.randint(1, 12)))


def piece(rng):
    kind = rng.randrange(6)
    return (rng.choice(WORDS) if kind == 0 else characters(rng, rng.randint(1, 6)) if kind == 1 else rng.choice(SPACES) if kind == 2
            else rng.choice(PUNCTUATION) * rng.choice((1, 1, 2, 3)) if kind == 3 else number(rng) if kind == 4
            else rng.choice(WORDS) + rng.choice(SPACES))


def run(rng):
    """One thing many times over."""
    unit = rng.choice((characters(rng, 1), piece(rng), rng.choice(SPACES), rng.choice("a1. \n")))
    return unit * rng.choice((1, 2, 5, 17, 64, 300, 1500))


def text(rng, tokens=(), longest=1 << 20):
    """`tokens`: spellings to mix in, whole, cut, and doubled."""
    return any_text(rng, tokens)[:longest]


def any_text(rng, tokens):
    kind = rng.randrange(8)
    if kind == 0:
        return "".join(rng.choice(WORDS) + rng.choice(SPACES) for _ in range(rng.randint(1, 30)))
    if kind == 1:
        return "".join(characters(rng, 1) for _ in range(rng.randint(1, 40)))
    if kind == 2:
        return piece(rng) + run(rng) + piece(rng)
    if kind in (3, 4) and tokens:
        parts = []
        for _ in range(rng.randint(1, 12)):
            token = rng.choice(tokens)
            parts.append(rng.choice((token, token, token[:rng.randint(0, len(token))], token[rng.randint(0, len(token)):],
                                     rng.choice(SPACES), piece(rng), token.upper(), token + token)))
        return "".join(parts)
    if kind == 5:
        return "".join(characters(rng, rng.randint(1, 8)) + rng.choice(SPACES + ["", ""]) for _ in range(rng.randint(1, 12)))
    if kind == 6:
        return "".join(number(rng) + rng.choice([",", ".", " ", "", "-", "/", ":", "x", "\n"]) for _ in range(rng.randint(1, 10)))
    return "".join(piece(rng) for _ in range(rng.randint(0, 30)))
