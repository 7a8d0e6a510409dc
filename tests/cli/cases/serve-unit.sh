# The unit of systemd: systemd finds nothing wrong with it, and the server works under its restrictions.
[ "$(id -u)" = 0 ] || { echo "only root can take rights away"; exit 77; }
command -v systemd-analyze >/dev/null || { echo "systemd-analyze is not installed"; exit 77; }
unit=$WICK_SOURCE/packaging/wick.service
chmod 755 .
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
sed "s,^ExecStart=[^ ]*,ExecStart=$(command -v wick)," "$unit" >wick.service
systemd-analyze verify ./wick.service 2>&1 | grep wick.service
# Looking for leaks needs ptrace, which the unit forbids.
export ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0
mkdir cache
export XDG_CACHE_HOME=$PWD/cache
python3 "$WICK_SOURCE/tests/cli/confine.py" "$unit" wick --version >said || { cat said; exit 77; }
least=$(wick serve model.gguf --port 0 --memory 1M 2>&1 | sed -n 's/.*(--memory \([0-9]*\)).*/\1/p')
export BUDGET=$((least + (2 << 20)))
PYTHONPATH=$WICK_SOURCE/tests/cli python3 - <<'PY'
import os
from serve import Server, text_of, together

free = Server()
right = text_of(free.chat("hello", max_tokens=8))
free.end()
confine = ["python3", os.environ["WICK_SOURCE"] + "/tests/cli/confine.py", os.environ["WICK_SOURCE"] + "/packaging/wick.service"]
server = Server("--memory", os.environ["BUDGET"], before=confine)
print("as it is elsewhere:", text_of(server.chat("hello", max_tokens=8)) == right)
print("and streamed, four at once:", {server_text for server_text, _, _ in together(*[lambda: server.stream("hello", max_tokens=8)] * 4)} == {right})
print("it reads:", server.metric("wick_flash_read_bytes_total") > 0)
with open(f"/proc/{server.process.pid}/status") as status:
    facts = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
print({name: facts[name] for name in ("NoNewPrivs", "Seccomp", "CapEff")}, facts["Uid"].split()[0])
print("exit", server.end())
PY
