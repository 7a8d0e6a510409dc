# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""What the cases of wick serve have at hand: a server of their own, and ways of asking it."""
import atexit
import http.client
import json
import re
import shutil
import signal
import socket
import subprocess
import threading
import time


class Server:
    """`wick serve` on a free port, from the time on that it answers."""

    def __init__(self, *options, model="model.gguf", template="zephyr", before=()):
        words = [*before, "wick", "serve", model, "--port", "0", *options]
        words += ["--template", template] if template else []
        self.process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True, preexec_fn=self.default_signals)
        atexit.register(self.process.kill)  # of a test that ends before its server
        self.said = ""
        for line in self.process.stderr:
            self.said += line
            found = re.match(r"serving (.*) at http://(.*):(\d+)/v1", line)
            if found:
                self.model, self.host, self.port = found[1], found[2], int(found[3])
                break
        else:
            raise SystemExit(self.said)
        while self.ask("GET", "/health")[0] == 503:
            time.sleep(0.05)

    @staticmethod
    def default_signals():
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, signal.SIG_DFL)

    def connect(self, timeout=600):
        return http.client.HTTPConnection(self.host.strip("[]"), self.port, timeout=timeout)

    def send(self, connection, method, path, body=None, **headers):
        """body: an object, or text as it is. A header that is None is left out."""
        if body is not None:
            headers.setdefault("Content_Type", "application/json")
            body = body if isinstance(body, (str, bytes)) else json.dumps(body)
        names = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        connection.request(method, path, body, names)
        return connection.getresponse()

    def ask(self, method, path, body=None, **headers):
        """status, headers, text"""
        connection = self.connect()
        response = self.send(connection, method, path, body, **headers)
        text = response.read().decode()
        connection.close()
        return response.status, response.headers, text

    def chat(self, text, **fields):
        """The answer's object to one message, or a conversation."""
        messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
        status, _, reply = self.ask("POST", "/v1/chat/completions", {"messages": messages, "temperature": 0, **fields})
        return json.loads(reply) if status == 200 else (status, reply)

    def events(self, path, body):
        """The data of a stream's events, comments left out."""
        status, _, text = self.ask("POST", path, {"stream": True, **body})
        assert status == 200, text
        parts = [part for part in text.split("\n\n") if part and not part.startswith(":")]
        assert all(part.startswith("data: ") for part in parts), text
        return [part[len("data: "):] for part in parts]

    def stream(self, text, **fields):
        """The same answer as chat(), put together from its events: text, reason, usage."""
        messages = [{"role": "user", "content": text}] if isinstance(text, str) else text
        events = self.events("/v1/chat/completions", {"messages": messages, "temperature": 0,
                                                      "stream_options": {"include_usage": True}, **fields})
        assert events[-1] == "[DONE]"
        chunks = [json.loads(event) for event in events[:-1]]
        assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert chunks[-1]["choices"] == [] and all(chunk["usage"] is None for chunk in chunks[:-1])
        assert len({chunk["id"] for chunk in chunks}) == 1
        content = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
        return content, chunks[-2]["choices"][0]["finish_reason"], chunks[-1]["usage"]

    def metric(self, name):
        return float(re.search(rf"^{name} (.*)$", self.ask("GET", "/metrics")[2], re.M)[1])

    def is_within_budget(self):
        """A build with sanitizers has memory of its own, which is in no plan."""
        with open(shutil.which("wick"), "rb") as program:
            sanitized = b"__tsan_init" in (code := program.read()) or b"__asan_init" in code
        return sanitized or self.metric("wick_memory_peak_bytes") <= self.metric("wick_memory_budget_bytes")

    def await_metric(self, name, value):
        for _ in range(1200):
            if self.metric(name) == value:
                return
            time.sleep(0.05)
        raise TimeoutError(f"{name} is never {value}")

    def await_idle(self):
        """Until nobody is served and nobody waits, for a while: a request of a client that left may still come in."""
        quiet = 0
        for _ in range(1200):
            quiet = 0 if self.metric("wick_requests_processing") + self.metric("wick_requests_deferred") else quiet + 1
            if quiet == 5:
                return
            time.sleep(0.05)
        raise TimeoutError("there is always a request left")

    def await_status(self, status, method, path, body=None, **headers):
        """Asks until that is the answer's, and gives this answer."""
        for _ in range(1200):
            if (answer := self.ask(method, path, body, **headers))[0] == status:
                return answer
            time.sleep(0.05)
        raise TimeoutError(f"{method} {path} never gives {status}, but {answer[0]}: {answer[2]}")

    def end(self, number=signal.SIGTERM):
        if number:
            self.process.send_signal(number)
        self.said += self.process.stderr.read()
        return self.process.wait()


def text_of(answer):
    return answer["choices"][0]["message"]["content"]


def together(*works):
    """Runs them at once, and returns what each gave."""
    given = [None] * len(works)

    def run(i):
        given[i] = works[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return given


def raw(server, data, wait=5):
    """What comes back over a connection of nobody's library."""
    with socket.create_connection((server.host.strip("[]"), server.port), timeout=wait) as line:
        line.sendall(data)
        got = b""
        try:
            while part := line.recv(65536):
                got += part
        except (TimeoutError, ConnectionResetError):
            pass
    return got.decode(errors="replace")
