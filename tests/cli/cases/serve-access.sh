# Who may ask, from where, and how a server begins and ends.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
echo 'a-key-of-mine' >key.txt
: >empty.txt
refuse serve model.gguf --port 0 --host 0.0.0.0
refuse serve model.gguf --port 0 --api-key-file nowhere.txt
refuse serve model.gguf --port 0 --api-key-file empty.txt
refuse serve model.gguf --port 0 --host nowhere.invalid 2>&1 | sed 's/invalid: .*/invalid: (why)/'
refuse serve nowhere.gguf --port 0
misuse serve model.gguf --sessions 0
misuse serve model.gguf --port 70000
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - <<'PY'
import json, socket, subprocess
from serve import Server, raw, text_of

def show(what, answer):
    status, headers, text = answer
    shared = headers["Access-Control-Allow-Origin"]
    error = json.loads(text).get("error") if text.startswith("{") else None
    print(f"{what}: {status}", f"shared with {shared}" if shared else "", error["message"] if error else "")

server = Server()
port = server.port
for what, headers in (
        ("localhost", {"Host": f"localhost:{port}"}), ("a number", {"Host": f"127.0.0.1:{port}"}), ("IPv6", {"Host": "[::1]"}),
        ("rebound", {"Host": "evil.example"}), ("like a number", {"Host": "127.0.0.1.evil.example"}),
        ("with an @", {"Host": "localhost:1@evil.example"}),
        ("own page", {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}),
        ("another page", {"Origin": "http://evil.example"}), ("a file's page", {"Origin": "null"})):
    show(what, server.ask("GET", "/v1/models", **headers))
show("preflight", server.ask("OPTIONS", "/v1/models", Origin="http://evil.example"))
print("no Host:", raw(server, b"GET /v1/models HTTP/1.0\r\n\r\n").split(" ")[1])
second = subprocess.run(["wick", "serve", "model.gguf", "--port", str(port)], capture_output=True, text=True)
print("on the same port:", second.returncode, second.stderr.replace(str(port), "PORT").strip())
print("exit", server.end())

server = Server("--api-key-file", "key.txt", "--cors", "http://page.example", "--host", "127.0.0.1")
for what, headers in (
        ("no key", {}), ("wrong", {"Authorization": "Bearer a-key-of-yours"}), ("short", {"Authorization": "Bearer a-key"}),
        ("long", {"Authorization": "Bearer a-key-of-mine-and-more"}), ("empty", {"Authorization": "Bearer "}),
        ("another scheme", {"Authorization": "Basic a-key-of-mine"}), ("right", {"Authorization": "Bearer a-key-of-mine"}),
        ("right, by another name", {"Authorization": "Bearer a-key-of-mine", "Host": "box.example"}),
        ("right, its page", {"Authorization": "Bearer a-key-of-mine", "Origin": "http://page.example"}),
        ("right, another page", {"Authorization": "Bearer a-key-of-mine", "Origin": "http://evil.example"})):
    show(what, server.ask("GET", "/v1/models", **headers))
preflight = server.ask("OPTIONS", "/v1/chat/completions", Origin="http://page.example", Access_Control_Request_Method="POST",
                       Access_Control_Request_Headers="authorization,content-type,x-stainless-os")
show("preflight", preflight)
print("it may send", preflight[1]["Access-Control-Allow-Methods"], "with", preflight[1]["Access-Control-Allow-Headers"])
show("health", server.ask("GET", "/health"))

print("bodies that do not come to their end:")
lines = []
for _ in range(20):
    line = socket.create_connection((server.host, server.port))
    line.sendall(b"POST /tokenize HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a-key-of-mine\r\nContent-Type: application/json\r\n"
                 b"Content-Length: 1000000\r\n\r\n" + b" " * 999000)
    lines.append(line)
show("another", server.await_status(503, "POST", "/tokenize", {"content": "x" * 100000}, Authorization="Bearer a-key-of-mine"))
show("one without", server.ask("GET", "/v1/models", Authorization="Bearer a-key-of-mine"))
for line in lines:
    line.close()
show("and now", server.await_status(200, "POST", "/tokenize", {"content": "x"}, Authorization="Bearer a-key-of-mine"))

print("what was begun comes to its end:")
headers = {"Authorization": "Bearer a-key-of-mine"}
connection = server.connect()
response = server.send(connection, "POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}],
                       "stream": True, "max_tokens": 200, "ignore_eos": True, "temperature": 0}, **headers)
begun = response.read(300)
server.process.terminate()
whole = begun + response.read()
print(whole.count(b'"finish_reason":"length"'), whole.endswith(b"data: [DONE]\n\n"))
print("exit", server.end(None))
PY
