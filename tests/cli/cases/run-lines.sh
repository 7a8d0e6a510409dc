# What a run says beside its text: three lines before it, more with -v; numbers that add up; and on a terminal the prompt
# in front, dim, without what would command the terminal.
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
few='-n 3 --temp 0 --seed 1 --ctx 64 --threads 1'

# Whether a budget was kept: a sanitizer's own memory is in none.
if grep -qa -e __asan_init -e __tsan_init "$(command -v wick)"; then
	kept='s/(memory  N MB) MORE than the (budget of N MB) .*/\1 at most, of a \2/'
fi
# Figures that differ from machine to machine; what is not best here (a file system without direct reads) is a line more.
figures() {
	sed -E '/^        not (direct|uring)/d; s/[0-9]+(\.[0-9]+)?/N/g; s/N (kB|MB|bytes)/N MB/g; s/: N MB of [^ ]*$/&/; '"${kept-}" "$1"
}
wick run model.gguf -p 'a b' $few --memory 60% 2>said >text
figures said
echo "== -v"
wick run model.gguf -p 'a b' $few --memory 60% -v 2>said >text
figures said | sed -E 's/^        (huge )?pages .*/        pages/; s/^(cpu     )[a-z]+.*/\1.../; s/no profile.*/profile/; s/(quick )?profile of.*/profile/; s/^        (uring|pread), .*/        method/'
for memory in 60% "$(smallest_budget model.gguf --ctx 64 --threads 1)" 1GB 100G; do
	wick run model.gguf -p 'a b' $few --memory $memory 2>&1 >/dev/null | awk '
	/^memory .*=/ { if ($2 * 100 != 0 && sprintf("%.2f", $2) == sprintf("%.2f", $5 + $10)) print "they add up"; else print }'
done
echo "== all in memory, nothing in memory"
wick run model.gguf -p 'a b' $few --memory 100M 2>&1 >/dev/null | grep ^flash
wick run model.gguf -p 'a b' $few --memory 100M --mode naive 2>&1 >/dev/null | figures - | grep ^flash

echo "== at a terminal"
cat >terminal.py <<'PY'
import os, pty, subprocess, sys
master, slave = pty.openpty()
command = subprocess.Popen(["wick", "run", "model.gguf", *sys.argv[1:]], stdout=slave, stderr=subprocess.DEVNULL, stdin=slave)
os.close(slave)
said = b""
while True:
    try:
        said += os.read(master, 65536)
    except OSError:  # the other end is closed
        break
command.wait()
print(ascii(said.decode(errors="replace").replace("\r\n", "\n")))
PY
python3 terminal.py -p $'Once\tupon a\e[2Jtime,\nsaid the c\xc3\xa9dar' -n 0
python3 terminal.py -p "$(printf 'w\xc3\xb6rd %.0s' {1..100})" -n 0 | sed 's/ w.*w\\xf6rd/ ... w\\xf6rd/'
python3 terminal.py -p 'a b' -n 0 --json | cut -c 1-3
exit 0
