# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Texts that tokenizers are compared over: the same ones for the same size."""
import json
import os
import pathlib
import random
import unicodedata

# Words of a script: how its syllables are built, and what stands between words and sentences.
CYRILLIC = "\u0431 \u0432 \u0433 \u0434 \u0436 \u0437 \u043a \u043b \u043c \u043d \u043f \u0440 \u0441 \u0442 \u0445 \u0447 \u0448".split()
ARABIC = "\u0628 \u062a \u062b \u062c \u062d \u062f \u0631 \u0633 \u0634 \u0639 \u0641 \u0642 \u0643 \u0644 \u0645 \u0646 \u0647".split()
DEVANAGARI = "\u0915 \u0916 \u0917 \u091a \u091c \u091f \u0921 \u0924 \u0926 \u0928 \u092a \u092c \u092e \u092f \u0930 \u0932 \u0938".split()
SCRIPTS = {
    "latin": ("b br c ch d f g gr h l m n p qu r s st t th v w".split(), "a e i o u ai ea ou \u00e9 \u00fc".split(), " ", ". "),
    "cyrillic": (CYRILLIC, "\u0430 \u0435 \u0438 \u043e \u0443 \u044b \u044f".split(), " ", ". "),
    "arabic": (ARABIC, ["", "", "\u0627", "\u0648", "\u064a", "\u064e", "\u0650"], " ", "\u061f "),
    "devanagari": (DEVANAGARI, ["", "\u093e", "\u093f", "\u0940", "\u0941", "\u0947", "\u094b", "\u094d"], " ", "\u0964 "),
    "han": ([chr(0x4E00 + 7 * i) for i in range(900)], ["", "", "\u306e", "\u3092"], "", "\u3002"),
}
RANGES = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x5FF), (0x600, 0x6FF),
          (0x900, 0x97F), (0xE00, 0xE7F), (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x2150, 0x218F),
          (0x2500, 0x259F), (0x3000, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB00, 0xFB4F), (0xFF00, 0xFFEF),
          (0x10400, 0x1044F), (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F)]
COMMON = [" ", "  ", "\n", "\r\n", "\t", "'", "'s", "'LL", "the", "The", "1", "23", "456", ".", "...", "_", "/", "\u3000"]
HOSTILE = ["<|im_end|>", "<s>", "</s>", "<0x0A>", "<unk>", "==", "===", "<|end|>", "\u2581", "\u2581\u2581a", " " * 40, "\n" * 9, "a" * 300,
           "\u0301\u0301e", "\ufeff", "\u200b", "\u202e", "\ufdfa", "\ufb01", "\u1e9b\u0323", "\u0e01\u0e33", "\U0001f468\u200d\U0001f469\u200d\U0001f467",
           "0" * 50, "1,234.5", "I'LL", "don't", "\u2019s", "\U0010ffff", "\ufffd", "\u00ad", "\u2028", "Z\u0351\u036b\u0343\u036a\u0302\u036b", "\x7f"]


def words(rng, script):
    onsets, vowels, space, stop = SCRIPTS[script]
    vocabulary = ["".join(rng.choice(onsets) + rng.choice(vowels) for _ in range(rng.randrange(1, 4))) for _ in range(3000)]
    while True:
        sentence = [vocabulary[min(int(rng.paretovariate(0.6)) - 1, 2999)] for _ in range(rng.randrange(3, 18))]
        if rng.random() < 0.2:
            sentence.insert(rng.randrange(len(sentence)), str(rng.randrange(100000)))
        yield sentence[0].capitalize() + space + space.join(sentence[1:]) + stop + ("\n" if rng.random() < 0.1 else "")


def sentences(rng, size):
    """Of all scripts in turn, together of that size in bytes."""
    sources, out = [words(rng, script) for script in SCRIPTS], []
    while size > 0:
        out.append(next(sources[len(out) % len(sources)]))
        size -= len(out[-1].encode())
    return out


def join(parts, size, rng, at_most):
    """Texts of 1 to at_most of what `parts` gives, together of that size in bytes."""
    out = []
    while size > 0:
        out.append("".join(next(parts) for _ in range(rng.randrange(1, at_most))))
        size -= len(out[-1].encode())
    return out


def novel(rng, size):
    sources = [words(rng, script) for script in SCRIPTS]
    chapters = iter(lambda: next(rng.choice(sources)), None)
    return join(chapters, size, rng, 60)


def naughty(rng):
    path = pathlib.Path(os.environ.get("WICK_SHARED", "/nowhere")) / "data/tokenizers/naughty/blns.json"
    strings = HOSTILE + ([text for text in json.loads(path.read_text()) if text and "\0" not in text] if path.exists() else [])
    while True:
        yield rng.choice(strings) + rng.choice(["", "", " ", "\n"])


def characters(rng):
    while True:
        if rng.random() < 0.3:
            yield rng.choice(COMMON)
            continue
        low, high = rng.choice(RANGES) if rng.random() < 0.9 else (0x80, 0x10FFFF)
        code = rng.randrange(low, high + 1)
        if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co"):
            yield chr(code)


def kinds(size):
    rng = random.Random(20)
    return {"hostile strings": join(naughty(rng), size, rng, 8), "five scripts": novel(rng, size),
            "random Unicode": join(characters(rng), size, rng, 80)}
