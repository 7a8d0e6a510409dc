# An answer is the same alone and among seven others, streamed or not, with a prefix that was there or not; clients that leave cost
# nothing; and what cannot be read is an error of those who needed it, and of nobody after them.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - <<'PY'
import json, os, random, re, subprocess, time
from serve import Server, text_of, together

prompts = ["The old man looked at the sea" + " and the sea looked at him" * i for i in range(8)]
fields = [dict(max_tokens=10 + 3 * i, seed=i, temperature=0.8 * (i % 3), ignore_eos=True, top_p=0.9) for i in range(8)]

def conversation(i, said=None):
    first = [{"role": "system", "content": "Tell what is true."}, {"role": "user", "content": prompts[i]}]
    return first if said is None else first + [{"role": "assistant", "content": said}, {"role": "user", "content": "And then?"}]

alone = Server("--sessions", "1")
first = [text_of(alone.chat(conversation(i), **fields[i])) for i in range(8)]
second = [text_of(alone.chat(conversation(i, first[i]), **fields[i])) for i in range(8)]
print("alone: exit", alone.end())

server = Server("--sessions", "8")
whole = together(*[lambda i=i: server.chat(conversation(i), **fields[i]) for i in range(8)])
print("among seven:", [text_of(answer) for answer in whole] == first)
streamed = together(*[lambda i=i: server.stream(conversation(i, first[i]), **fields[i]) for i in range(8)])
print("streamed, with a prefix that was there:", [text for text, _, _ in streamed] == second,
      all(usage["prompt_tokens_details"]["cached_tokens"] > 20 for _, _, usage in streamed))
print("and fresh again:", [text_of(answer) for answer in together(*[lambda i=i: server.chat(conversation(i), **fields[i]) for i in range(8)])] == first)
passes, rows = server.metric("wick_passes_total"), server.metric("wick_rows_total")
print("passes were shared:", rows > 2 * passes)

random.seed(24)
gone = 0

def client(number):
    """Ten requests, of which some are left in the middle."""
    global gone
    right = True
    for k in range(int(os.environ.get("WICK_REQUESTS", 80)) // 8):
        i = random.randrange(8)
        if random.random() < 0.5:
            right &= text_of(server.chat(conversation(i), **fields[i])) == first[i]
            continue
        connection = server.connect()
        response = server.send(connection, "POST", "/v1/chat/completions",
                               {"messages": conversation(i), "stream": random.random() < 0.7, **fields[i], "max_tokens": 60}) \
            if random.random() < 0.7 else None
        if response:
            response.read(random.randrange(1, 400))
        else:
            connection.request("POST", "/v1/chat/completions", json.dumps({"messages": conversation(i), "max_tokens": 60}),
                               {"Content-Type": "application/json"})
            time.sleep(random.random() / 20)
        connection.close()
        gone += 1
    return right

print("with clients that leave:", all(together(*[lambda n=n: client(n) for n in range(8)])), gone > 20)
server.await_idle()
print("nothing is left of them:", server.metric("wick_requests_processing"), server.metric("wick_requests_deferred"))
print("within the budget:", server.is_within_budget())
print("the next one:", text_of(server.chat(conversation(3), **fields[3])) == first[3])
print("exit", server.end())

server = Server("--sessions", "1")
connection = server.connect()
connection.request("POST", "/v1/chat/completions", json.dumps({"messages": conversation(0), "max_tokens": 400, "ignore_eos": True}),
                   {"Content-Type": "application/json"})
server.await_metric("wick_requests_processing", 1)
connection.close()
server.await_metric("wick_requests_processing", 0)
print("who leaves while tokens come is noticed:", server.metric("wick_requests_gone_total"), server.metric("wick_requests_total"))

# Bodies of 11 MB, of which the server holds no more than 8 at once, and none while it answers.
def begin(**more):
    connection = server.connect()
    connection.request("POST", "/v1/chat/completions", json.dumps({"messages": conversation(0), "padding": "x" * 900000, **more}),
                       {"Content-Type": "application/json"})
    return connection

def arrived():
    return sum(server.metric(name) for name in ("wick_requests_total", "wick_requests_processing", "wick_requests_deferred"))

lines = []
for _ in range(13):
    lines.append(begin(max_tokens=200, ignore_eos=True))
    while arrived() < len(lines):
        time.sleep(0.005)
print("bodies are not held:", {line.getresponse().status for line in lines})
print("exit", server.end())

server = Server("--sessions", "2", "--kv-positions", "512", "--queue", "4")
answers = together(*[lambda i=i: server.chat(conversation(i), **fields[i]) for i in range(4)])
print("two at a time, in half of the positions:", [text_of(answer) for answer in answers] == first[:4])
many = together(*[lambda: server.chat(conversation(0), max_tokens=100, ignore_eos=True) for _ in range(12)])
late = [answer for answer in many if isinstance(answer, tuple)]
print("too many:", {status for status, _ in late}, {json.loads(text)["error"]["message"] for _, text in late},
      server.ask("GET", "/health")[0])
print("exit", server.end())

said = subprocess.run(["wick", "serve", "model.gguf", "--port", "0", "--memory", "1M"], capture_output=True, text=True).stderr
least = re.search(r"--memory (\d+)", said)[1]
server = Server("--memory", str(int(least) + (2 << 20)))
answers = together(*[lambda i=i: server.chat(conversation(i), **fields[i]) for i in range(8)])
print("in one context for four:", json.loads(server.ask("GET", "/props")[2])["kv_positions"] < 4 * 512,
      [text_of(answer) for answer in answers] == first, server.is_within_budget())
print("exit", server.end())
PY
