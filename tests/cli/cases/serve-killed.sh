# Killed with three answers in flight, as it ends, and while it writes sessions and checksums, a server leaves the model as it was, and
# what it learned and kept whole or not at all; the next one has the same answers, going on from what is kept.
# WICK_EXHAUSTIVE=1 kills it 50 times each way; WICK_SEED=N draws the same moments again.
cp "$WICK_SOURCE/tests/golden/fixtures/stock/qwen3-f32/model.gguf" model.gguf
chmod u+w model.gguf
touch -d 2001-09-09 model.gguf
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - <<'PY'
import glob, os, random, shutil, signal, time
from serve import Server, text_of, together

SESSIONS = 3
prompts = [name + " looked at the sea, and the sea looked back at" for name in ("The old man", "A dog", "Nobody")]
ROUNDS = 50 if os.environ.get("WICK_EXHAUSTIVE") else 3
seed = int(os.environ.get("WICK_SEED", random.randrange(1 << 15)))
random.seed(seed)
wrong = []

def bytes_of(name):
    with open(name, "rb") as file:
        return file.read()

def kept_in(folder):
    return {os.path.basename(name): bytes_of(name) for name in glob.glob(folder + "/*.kept")}

def begin(folder):
    return Server("--sessions", str(SESSIONS), "--keep", folder, "--mode", "dense", "--threads", "2")

def answers(server, tokens):
    return together(*[lambda text=text: text_of(server.chat(text, max_tokens=tokens, ignore_eos=True)) for text in prompts])

def streams(server, tokens):
    """Connections to answers of which the first bytes have come."""
    lines = [server.connect() for _ in prompts]
    for line, text in zip(lines, prompts):
        server.send(line, "POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": text}], "temperature": 0,
                                                           "max_tokens": tokens, "ignore_eos": True, "stream": True}).read(1)
    return lines

def drafts():
    """What has not its own name yet."""
    return glob.glob("kept/*.kept.*") + glob.glob("model.gguf.sums.*")

def check(what, holds):
    if not holds:
        wrong.append(what)

# What there is to compare with: what servers leave that come to their end.
truth, kept = {}, {}
model = bytes_of("model.gguf")
for tokens in 12, 100:
    server = begin(f"whole-{tokens}")
    truth[tokens] = answers(server, tokens)
    server.end()
    kept.update(kept_in(f"whole-{tokens}"))
sums = bytes_of("model.gguf.sums")

def killed(way, moment):
    """A server with answers of 12 tokens, then with longer ones on their way. Whether it was alive when it was killed, and was writing."""
    server = begin("kept")
    check(f"{way}: the answers before it", answers(server, 12) == truth[12])
    lines = streams(server, 100)
    if way != "in flight":
        server.process.send_signal(signal.SIGTERM)
    while way == "writing" and not drafts() and server.process.poll() is None:
        pass
    time.sleep(moment)
    alive = server.end(signal.SIGKILL) == -signal.SIGKILL
    for line in lines:
        line.close()
    return alive, bool(drafts())

def looked_at(way):
    """After a kill, by the next server, which ends as it should."""
    check(f"{way}: the model", bytes_of("model.gguf") == model)
    check(f"{way}: checksums", not os.path.exists("model.gguf.sums") or bytes_of("model.gguf.sums") == sums)
    found = kept_in("kept")
    check(f"{way}: what is kept", all(kept.get(name) == data for name, data in found.items()))
    for left in glob.glob("model.gguf.sums.*"):
        os.unlink(left)
    server = begin("kept")
    check(f"{way}: what is kept stays, and drafts go", kept_in("kept") == found and not drafts())
    whole = together(*[lambda text=text: server.chat(text, max_tokens=100, ignore_eos=True) for text in prompts])
    check(f"{way}: the same answers", [text_of(answer) for answer in whole] == truth[100])
    going_on = sum(answer["usage"]["prompt_tokens_details"]["cached_tokens"] >= 64 for answer in whole)
    check(f"{way}: going on from what is kept", going_on == len(found))
    server.end()
    check(f"{way}: all is kept in the end", kept_in("kept") == kept_in("whole-100") and bytes_of("model.gguf.sums") == sums)

longest = {"in flight": 0.05, "ending": 0.2, "writing": 0.002}
for way in longest:
    alive = writing = tries = 0
    while (alive < ROUNDS or way == "writing" and not writing) and tries < 10 * ROUNDS:
        shutil.rmtree("kept", ignore_errors=True)
        if tries % 2:
            shutil.copytree("whole-12", "kept")
        else:
            os.unlink("model.gguf.sums")
        was, where = killed(way, random.random() * longest[way])
        longest[way] *= 1.05 if was else 0.7
        alive, writing, tries = alive + was, writing + where, tries + 1
        looked_at(way)
    print(f"{way}: killed alive" if alive >= ROUNDS else f"{way}: alive {alive} of {tries} times",
          *(["and writing"] if way == "writing" and writing else []))
print("wrong:", sorted(set(wrong)) if wrong else "nothing", *([f"WICK_SEED={seed}"] if wrong else []))
PY
wick verify model.gguf >/dev/null 2>&1 && echo verified
ls
