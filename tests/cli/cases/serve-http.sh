# HTTP as other people's clients speak it: methods, paths, bodies in chunks, connections that are used again, HTTP/1.0.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - <<'PY'
import json, re, socket
from serve import Server, raw, text_of

server = Server("--alias", "maker/model")
hello = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 4, "temperature": 0}
right = text_of(server.chat("hello", max_tokens=4))

print("paths:")
for method, path in (("GET", "/v1/models"), ("GET", "/models"), ("GET", "/v1/models/"), ("GET", "/v1/models/maker/model"),
                     ("GET", "/v1/models/maker%2Fmodel"), ("GET", "/v1/models/maker"), ("GET", "/%76%31/models"), ("GET", "/v1"), ("GET", "/"),
                     ("GET", "/v1/health"), ("GET", "/v1/models?limit=1"), ("GET", "/v1//models"), ("GET", "/v1/models/maker/model/")):
    print(method, path, server.ask(method, path)[0])
for path in "/v1/chat/completions", "/chat/completions", "/v1/chat/completions/", "/v1/chat/completions?api-version=1":
    print(path, text_of(json.loads(server.ask("POST", path, hello)[2])) == right)

print("methods:")
for method, path in (("HEAD", "/v1/models"), ("HEAD", "/health"), ("HEAD", "/v1/chat/completions"), ("GET", "/v1/chat/completions"), ("PUT", "/v1/models"),
                     ("DELETE", "/v1/models/maker/model"), ("OPTIONS", "/v1/models"), ("OPTIONS", "/v1/chat/completions"), ("OPTIONS", "/nothing")):
    status, headers, text = server.ask(method, path)
    print(method, path, status, headers["Allow"], len(text) if method in ("HEAD", "OPTIONS") else json.loads(text)["error"]["message"])
print("as long as with GET:", server.ask("HEAD", "/v1/models")[1]["Content-Length"] == str(len(server.ask("GET", "/v1/models")[2])))

print("one connection:")
connection = server.connect()
for method, path, body in (("GET", "/v1/models", None), ("POST", "/v1/chat/completions", hello), ("POST", "/v1/chat/completions", {**hello, "stream": True}),
                           ("POST", "/v1/chat/completions", {"messages": 5}), ("POST", "/v1/nothing", {}), ("POST", "/v1/chat/completions", hello)):
    response = server.send(connection, method, path, body)
    text = response.read().decode()
    port = connection.sock.getsockname()[1]
    print(path, response.status, text.endswith("data: [DONE]\n\n") or "choices" in json.loads(text), port == (first := port if path == "/v1/models" else first))
connection.close()

def post(*more, version="1.1", body=json.dumps(hello)):
    lines = [f"POST /v1/chat/completions HTTP/{version}", "Host: localhost", "Content-Type: application/json; charset=utf-8", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body.encode()

def answer(got):
    """The statuses in it, and whether its last body is the right answer."""
    body = got.split("\r\n\r\n")[-1]
    return re.findall(r"HTTP/1\.[01] (\d+)", got), body.startswith("{") and text_of(json.loads(body)) == right

size = f"Content-Length: {len(json.dumps(hello))}"
half = json.dumps(hello)[:30], json.dumps(hello)[30:]
chunks = "".join(f"{len(part):x}\r\n{part}\r\n" for part in half) + "0\r\n\r\n"
print("in chunks:", answer(raw(server, post("Transfer-Encoding: chunked", "Connection: close", body=chunks))))
print("chunks that are none:", answer(raw(server, post("Transfer-Encoding: chunked", "Connection: close", body="x\r\n" + chunks)))[0])
print("HTTP/1.0:", answer(raw(server, post(size, version="1.0"))))
streamed = raw(server, post(f"Content-Length: {len(json.dumps({**hello, 'stream': True}))}", version="1.0", body=json.dumps({**hello, "stream": True})))
print("streamed, by HTTP/1.0:", streamed.split(" ")[1], "chunked" in streamed, streamed.endswith("data: [DONE]\n\n"))
three = raw(server, post(size) + b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n" + post(size, "Connection: close"))
print("three at once:", answer(three))
with socket.create_connection((server.host, server.port), timeout=60) as line:
    line.sendall(post(size, "Expect: 100-continue", "Connection: close", body=""))
    said = line.recv(1000)
    line.sendall(json.dumps(hello).encode())
    rest = b"".join(iter(lambda: line.recv(65536), b""))
    print("100-continue:", said.split(b"\r\n")[0].decode(), answer(rest.decode()))
# libmicrohttpd refuses it from version 1 on.
print("no Host, by HTTP/1.1:", raw(server, b"GET /health HTTP/1.1\r\n\r\n").split(" ")[1] in ("200", "400"))
print("exit", server.end())
PY
