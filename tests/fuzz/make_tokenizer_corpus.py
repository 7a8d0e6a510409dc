#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""Makes the seeds of the corpora tokenizer, hf_tokenizer and sentencepiece. Needs the standard library only. Inputs that fuzzers found
lie beside the seeds, under the names that they gave them; this script leaves them alone."""

import json
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
FILES = ["tokenizer.json", "vocab.json", "merges.txt", "config.json", "tokenizer_config.json", "special_tokens_map.json",
         "added_tokens.json", "generation_config.json"]
VOCAB = {"<s>": 0, "<pad>": 1, "</s>": 2, "a": 3, "b": 4, "ab": 5, "Ġ": 6, "Ġa": 7}
MERGES = "#version: 0.2\na b\nĠ a\n"
OPT = {"model_type": "opt", "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}

TEXTS = {
    "english": "Don't fill the lamp before you light it; we'll see 100 lamps,  the wick\n\n draws...",
    "spaces": " \t\n\r\u000b\u000c\u0085\u00a0\u1680\u180e\u2003\u2028\u202f\u3000x  \n ",
    "scripts": "Müller Fluß масло 油は芯を上る 🔥🕯\ufe0f שלום 1２Ⅻ½",
    "broken": b"the \x80\xbf \xc3 \xe0\x80\xaf \xed\xa0\x80 \xf0\x8f\xbf\xbf\xf4\x90\x80\x80 \xff\xfe a\xe6\xb2",
    "long": "a" * 600 + " " * 300 + "x",
    "zero": b"\0\0a\0",
}


def write(target, name, data):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def pipeline(**changes):
    return {"added_tokens": [{"id": 2, "content": "</s>", "special": True}], "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True},
            "post_processor": {"type": "TemplateProcessing", "single": [
                {"SpecialToken": {"id": "</s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
            "decoder": {"type": "ByteLevel"},
            "model": {"type": "BPE", "dropout": None, "byte_fallback": False, "continuing_subword_prefix": "",
                      "vocab": VOCAB, "merges": ["a b", ["Ġ", "a"]]}} | changes


def folder(name, **files):
    files = {key.replace("_json", ".json").replace("_txt", ".txt"): value for key, value in files.items()}
    assert not set(files) - set(FILES)
    texts = [files.get(f, "") for f in FILES]
    write("hf_tokenizer", name, "\x1e".join(t if isinstance(t, str) else json.dumps(t) for t in texts))


def varint(value):
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def message(number, body):
    return varint(number << 3 | 2) + varint(len(body)) + body


def numbers(**fields):
    return b"".join(varint(int(key[1:]) << 3) + varint(value) for key, value in fields.items())


def model(pieces, trainer=numbers(_3=2), normalizer=numbers(_3=1, _4=0, _5=1)):
    return b"".join(message(1, message(1, text.encode()) + b"\x15" + struct.pack("<f", score) + numbers(_3=kind))
                    for text, score, kind in pieces) + message(2, trainer) + message(3, normalizer)


MARK = "\u2581"
PIECES = [("<unk>", 0, 2), ("<s>", 0, 3), ("</s>", 0, 3), ("<0xC3>", 0, 6), ("<0xA9>", 0, 6), ("==", 0, 4),
          (MARK, -1, 1), ("a", -2, 1), ("b", -3, 1), ("ab", -4, 1), (MARK + "a", -5, 1), (MARK * 2, -6, 1), ("x", 0, 5)]


def sentencepiece():
    write("sentencepiece", "bpe", model(PIECES))
    write("sentencepiece", "bare", model(PIECES[:3] + PIECES[6:], normalizer=numbers(_3=0, _4=0)))
    write("sentencepiece", "ids", model(PIECES, trainer=numbers(_3=2, _40=0, _41=7, _42=8, _43=9)))
    write("sentencepiece", "id-beyond", model(PIECES, trainer=numbers(_3=2, _43=13)))
    write("sentencepiece", "unigram", model(PIECES, trainer=numbers(_3=1)))
    fixtures = CORPUS.parents[1] / "unit/fixtures/folders"
    write("sentencepiece", "unigram-mapped", (fixtures / "unigram-mapped/tokenizer.model").read_bytes())
    write("sentencepiece", "twice", model(PIECES + PIECES[7:8]))
    write("sentencepiece", "not-finite", model(PIECES + [("y", float("nan"), 1)]))
    write("sentencepiece", "nothing", b"")


def kinds():
    """Pipelines of other kinds in tokenizer.json."""
    pieces = {text: i for i, (text, _, _) in enumerate(PIECES)}
    characters = {"type": "BPE", "vocab": pieces, "merges": ["a b", [MARK, "a"]], "unk_token": "<unk>", "fuse_unk": True,
                  "byte_fallback": True}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": MARK}
    decoder = {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "ByteFallback"}]}
    added = [{"id": 2, "content": "</s>", "special": True, "rstrip": True},
             {"id": 5, "content": "==", "special": False, "normalized": False, "lstrip": True}]
    folder("prepend", tokenizer_json={"added_tokens": added, "decoder": decoder, "model": characters, "normalizer": {
        "type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": MARK}, replace]}})
    folder("metaspace-first", tokenizer_json={"added_tokens": added, "decoder": decoder, "model": characters,
        "pre_tokenizer": {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "first", "split": False}})
    folder("unigram", tokenizer_json={"added_tokens": added, "decoder": decoder, "model": {
        "type": "Unigram", "unk_id": 0, "byte_fallback": True, "vocab": [[text, score] for text, score, _ in PIECES]},
        "pre_tokenizer": {"type": "Metaspace", "replacement": MARK, "prepend_scheme": "always", "split": True}})
    folder("own", tokenizer_json=pipeline(normalizer={"type": "NFC"}, pre_tokenizer={"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Contiguous"},
        {"type": "Split", "pattern": {"Regex": "\\p{L}+|[^\\s\\d]"}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": True, "use_regex": False}]}))


def main():
    sentencepiece()
    kinds()
    for name, text in TEXTS.items():
        write("tokenizer", name, text)
    folder("opt", vocab_json=VOCAB, merges_txt=MERGES, config_json=OPT)
    folder("gpt2", vocab_json=VOCAB, merges_txt=MERGES, config_json={"model_type": "gpt2"}, tokenizer_config_json={
        "tokenizer_class": "GPT2Tokenizer", "add_bos_token": True, "bos_token": {"content": "<s>"}, "eos_token": "</s>",
        "model_max_length": 10**30, "added_tokens_decoder": {"8": {"content": "<mask>", "special": True}}})
    folder("older", vocab_json=VOCAB, merges_txt=MERGES, config_json=OPT, added_tokens_json={"<mask>": 8},
           special_tokens_map_json={"mask_token": "<mask>", "additional_special_tokens": ["<s>", {"content": "b"}]})
    folder("added", vocab_json=VOCAB, merges_txt=MERGES.rstrip(), config_json=OPT, added_tokens_json={"x y": 8, "b": 4},
           tokenizer_config_json={"add_prefix_space": True, "tokenizer_class": "GPT2Tokenizer"})
    folder("stops", vocab_json=VOCAB, merges_txt=MERGES, config_json=OPT, generation_config_json={"eos_token_id": [2, 5, -1]})
    folder("pipeline", tokenizer_json=pipeline(), config_json={"model_type": "opt"})
    folder("no-bos", tokenizer_json=pipeline(post_processor={"type": "ByteLevel"}), config_json={"eos_token_id": 5})
    folder("metaspace", tokenizer_json=pipeline(pre_tokenizer={"type": "Metaspace"}))
    folder("hole", vocab_json=VOCAB | {"c": 63}, merges_txt=MERGES, config_json=OPT)
    folder("outside", vocab_json=VOCAB | {"c": 64}, merges_txt=MERGES, config_json=OPT)
    folder("merge-twice", vocab_json=VOCAB, merges_txt=MERGES + "a b\n", config_json=OPT)
    folder("merge-alone", vocab_json=VOCAB, merges_txt=MERGES + "a\n", config_json=OPT)
    folder("merges-cut", vocab_json=VOCAB, merges_txt=MERGES[:-2], config_json=OPT)
    folder("merges-returns", vocab_json=VOCAB, merges_txt=MERGES.replace("\n", "\r\n"), config_json=OPT)
    folder("merges-return-inside", vocab_json=VOCAB, merges_txt=MERGES.replace(" ", "\r "), config_json=OPT)
    texts = ["b"] + [letter + more for letter in "cdefghijklmnopqrstu" for more in ("", "b")]
    folder("merges-none", vocab_json={text: i for i, text in enumerate(texts)}, config_json=OPT)
    folder("nothing")


if __name__ == "__main__":
    main()
