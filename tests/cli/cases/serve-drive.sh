# A block of the model that went bad: an error for the requests that read it, by name, and none once it is right again.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
options='--mode dense --sessions 2 --ctx 64'
least=$(wick serve model.gguf --port 0 $options --memory 1M 2>&1 | sed -n 's/.*(--memory \([0-9]*\)).*/\1/p')
export OPTIONS="$options --memory $((least + (4 << 20)))" WICK_SOURCE
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - <<'PY'
import json, os
from serve import Server, text_of, together

server = Server(*os.environ["OPTIONS"].split())
right = server.chat("hello", max_tokens=4)
print("reads for every token:", right["usage"]["wick"]["flash_bytes"] > 1000000, server.metric("wick_flash_read_bytes_total") > 1000000)
size = os.path.getsize("model.gguf")

def turn_bits():
    """Of every 64 KiB one byte, so that whatever is swept has some."""
    with open("model.gguf", "r+b") as model:
        for at in range(size // 2 // 65536 * 65536, size, 65536):
            model.seek(at)
            byte = model.read(1)
            model.seek(at)
            model.write(bytes([byte[0] ^ 1]))
        model.flush()
        os.fsync(model.fileno())

turn_bits()
for status, text in together(lambda: server.chat("hello"), lambda: server.chat("hello there")):
    error = json.loads(text)["error"]
    print(status, error["type"], error["message"].split(":")[0], "checksum" in error["message"])
events = server.ask("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": "hello"}], "stream": True})
print(events[0], [json.loads(part[6:])["error"]["type"] for part in events[2].split("\n\n") if '"error"' in part], "[DONE]" in events[2])
print(server.ask("GET", "/health")[0], server.metric("wick_requests_failed_total"))
turn_bits()
print("right again:", text_of(server.chat("hello", max_tokens=4)) == text_of(right))
print("exit", server.end())
PY
