# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""wick serve over the bad drive: whoever needed what could not be read gets an error in OpenAI's form, streams that have begun, too;
all others get the answer that is right; and when the drive is well again so does everybody.

    serve_faults.py ORDERED
"""
import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

from serve import Server, text_of, together

HELLO = [f"The old man looked at the sea {i} times and" for i in range(4)]
FIELDS = dict(max_tokens=12, temperature=0, ignore_eos=True)
SAID = []  # in errors
FAILED = object()
ROUNDS = int(os.environ.get("WICK_RUNS", 12))


class Drive:
    def __init__(self, program, below, above):
        self.process = subprocess.Popen([program, below, above], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.process.stdout.readline().strip()
        if said != "ready":
            print("skipped:", said)
            sys.exit(77)

    def order(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"


def check_error(error):
    assert set(error) == {"message", "type", "param", "code"}, error
    assert error["type"] == "server_error" and error["param"] is None, error
    SAID.append(error["message"])
    assert re.search(r"model\.gguf", error["message"]) and os.strerror(errno.EIO) in error["message"], error


def whole(server, i):
    """The answer, or FAILED for an error as it has to be."""
    status, _, text = server.ask("POST", "/v1/chat/completions", {"messages": [{"role": "user", "content": HELLO[i]}], **FIELDS})
    if status == 200:
        return text_of(json.loads(text))
    assert status == 500, (status, text)
    check_error(json.loads(text)["error"])
    return FAILED


def read_events(response):
    """The same of the rest of a stream: an error is its last event, and nothing says that it is done."""
    parts = [part for part in response.read().decode().split("\n\n") if part and not part.startswith(":")]
    events = [part[len("data: "):] for part in parts]
    if events[-1] == "[DONE]":
        return "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events[:-1])
    check_error(json.loads(events[-1])["error"])
    assert "[DONE]" not in events and not any("error" in json.loads(event) for event in events[:-1])
    return FAILED


def begin(server, i, **fields):
    connection = server.connect()
    return server.send(connection, "POST", "/v1/chat/completions",
                       {"messages": [{"role": "user", "content": HELLO[i]}], "stream": True, **FIELDS, **fields})


def streamed(server, i):
    response = begin(server, i)
    if response.status == 200:
        return read_events(response)
    assert response.status == 500
    check_error(json.loads(response.read())["error"])
    return FAILED


def begun(server, drive, right):
    """Two streams of which each has begun, and two requests behind them: none of them can go on."""
    streams = [begin(server, i, max_tokens=400) for i in range(2)]
    for stream in streams:
        assert stream.status == 200
        while b'"content":"' not in (line := stream.readline()) or b'"role"' in line:
            pass
        stream.readline()
    failed = server.metric("wick_requests_failed_total")
    drive.order("dead 0")
    assert together(*[lambda stream=stream: read_events(stream) for stream in streams], lambda: whole(server, 2), lambda: streamed(server, 3)) == [FAILED] * 4
    assert server.metric("wick_requests_failed_total") - failed == 4
    assert server.ask("GET", "/health")[0] == 200
    drive.order("well")
    assert (text := whole(server, 1)) == right[1], (text, right[1], SAID)


def struck(server, drive, right, fault):
    """One read of four requests at once goes wrong, for once or for good."""
    drive.order(f"{fault} {random.randrange(400)}")
    got = together(*[lambda i=i: (whole if i % 2 else streamed)(server, i) for i in range(4)])
    assert all(text in (FAILED, right[i]) for i, text in enumerate(got)), (got, right)
    assert fault != "error" or FAILED not in got, got  # it is tried again
    drive.order("well")
    assert [whole(server, i) for i in range(4)] == right
    return got.count(FAILED)


def run(program, mode):
    with tempfile.TemporaryDirectory() as below:
        above = tempfile.mkdtemp()  # where the drive stays as long as this mount namespace
        demo = os.path.join(os.environ["WICK_SOURCE"], "tools/demo-model/opt-8m")
        subprocess.run(["wick", "pack", demo, "-o", os.path.join(below, "model.gguf")], check=True, stderr=subprocess.DEVNULL)
        shutil.copy(demo + ".pred.gguf", os.path.join(below, "model.pred.gguf"))
        model = os.path.join(above, "model.gguf")
        drive = Drive(program, below, above)
        options = ["--mode", mode, "--sessions", "2", "--ctx", "512"]
        said = subprocess.run(["wick", "serve", model, "--port", "0", "--memory", "1M", *options], capture_output=True, text=True).stderr
        least = int(re.search(r"--memory (\d+)", said)[1])
        server = Server("--memory", str(least + (2 << 20)), *options, model=model)
        right = [whole(server, i) for i in range(4)]
        assert FAILED not in right and server.metric("wick_flash_read_bytes_total") > 0
        begun(server, drive, right)
        lost = sum(struck(server, drive, right, "error" if i % 4 == 0 else "bad") for i in range(ROUNDS))
        print(f"{mode}: {lost} of {4 * ROUNDS} requests met an error")
        assert server.is_within_budget() and server.end() == 0
        drive.process.stdin.close()
        drive.process.wait()


random.seed(24)
run(sys.argv[1], "dense")
run(sys.argv[1], "sparse")
