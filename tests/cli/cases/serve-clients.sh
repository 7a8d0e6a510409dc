# Other people's clients: OpenAI's package, whole, streamed and async, llm, a client that leaves (httpx), and litellm before two servers.
clients=${WICK_CLIENTS-}/bin
[ -x "$clients/llm" ] || { echo "WICK_CLIENTS is no virtual environment with tests/cli/clients.txt"; exit 77; }
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
PYTHONPATH=$WICK_SOURCE/tests/cli CLIENTS=$clients "$clients/python" - <<'PY'
import asyncio, os, pathlib, subprocess
import httpx, openai
from serve import Server, text_of

pathlib.Path("key.txt").write_text("key\n")
plain = Server()
right = text_of(plain.chat("The old man", max_tokens=12))
url = f"http://localhost:{plain.port}/v1"
fields = dict(model="model", messages=[{"role": "user", "content": "The old man"}], max_tokens=12, temperature=0)
client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)

answer = client.chat.completions.create(**fields, logprobs=True, top_logprobs=2)
print("openai:", answer.choices[0].message.content == right, answer.choices[0].finish_reason, answer.usage.total_tokens > 12,
      len(answer.choices[0].logprobs.content))
stream = list(client.chat.completions.create(**fields, stream=True, stream_options={"include_usage": True}))
print("streamed:", "".join(chunk.choices[0].delta.content or "" for chunk in stream[:-1]) == right, stream[-1].usage.completion_tokens)
print("text:", len(client.completions.create(model="model", prompt="The old man", max_tokens=5).choices[0].text) > 0)
print("models:", [model.id for model in client.models.list()])

async def several():
    client = openai.AsyncOpenAI(base_url=url, api_key="none")
    answers = await asyncio.gather(*[client.chat.completions.create(**fields) for _ in range(8)])
    return all(answer.choices[0].message.content == right for answer in answers)

print("async, eight at once:", asyncio.run(several()))
for what, wrong in ("n", {"n": 2}), ("model", {"model": "gpt-4"}), ("tools", {"tools": [{"type": "function", "function": {"name": "f"}}]}):
    try:
        client.chat.completions.create(**{**fields, **wrong})
    except openai.APIStatusError as error:
        print(what, type(error).__name__, error.param, error.code)

with httpx.stream("POST", url + "/chat/completions", json={**fields, "max_tokens": 200, "stream": True, "ignore_eos": True}) as response:
    print("httpx:", response.status_code, response.headers["content-type"], next(response.iter_lines())[:6])
plain.await_metric("wick_requests_gone_total", 1)
print("left:", plain.metric("wick_requests_gone_total"))

home = dict(os.environ, LLM_USER_PATH=os.getcwd())
pathlib.Path("extra-openai-models.yaml").write_text(f"- model_id: wick\n  model_name: model\n  api_base: {url}\n")
said = subprocess.run([os.environ["CLIENTS"] + "/llm", "-m", "wick", "--key", "none", "-o", "temperature", "0", "-o", "max_tokens", "12", "The old man"],
                      env=home, capture_output=True, text=True)
print("llm:", said.stdout.strip() == right.strip(), said.stderr.strip()[-300:])

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # prices are not fetched
import litellm

other = Server()
router = litellm.Router([{"model_name": "wick", "litellm_params": {"model": "openai/model", "api_base": f"http://localhost:{server.port}/v1",
                                                                   "api_key": "none"}} for server in (plain, other)])
asked = {**fields, "model": "wick"}
print("litellm:", {router.completion(**asked).choices[0].message.content for _ in range(16)} == {right},
      "".join(chunk.choices[0].delta.content or "" for chunk in router.completion(**asked, stream=True)) == right,
      other.metric("wick_requests_total") > 0)
try:
    router.completion(**asked, n=2)
except litellm.BadRequestError:
    print("litellm: refused")
print("exit", other.end())
print("exit", plain.end())

keyed = Server("--api-key-file", "key.txt")
for key in "key", "another":
    try:
        client = openai.OpenAI(base_url=f"http://localhost:{keyed.port}/v1", api_key=key, max_retries=0)
        print("key:", client.chat.completions.create(**fields).choices[0].message.content == right)
    except openai.AuthenticationError as error:
        print("key:", error.code)
print("exit", keyed.end())

wild = Server()
words = [os.environ["CLIENTS"] + "/schemathesis", "run", os.environ["WICK_SOURCE"] + "/docs/openapi.yaml", "--url", f"http://localhost:{wild.port}",
         "--checks", "not_a_server_error,response_schema_conformance,content_type_conformance", "--max-examples", os.environ.get("WICK_EXAMPLES", "20"),
         "--phases", "examples,coverage,fuzzing", "--seed", "24", "--no-color"]
done = subprocess.run(words, capture_output=True, text=True)
print("schemathesis: exit", done.returncode)
if done.returncode:
    print(done.stdout[-6000:], done.stderr[-2000:])
print("exit", wild.end())
PY
