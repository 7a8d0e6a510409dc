# Killed at any moment, pack, in natural order or another, or of experts, train and import leave the old file or the new one under its
# name, or none where there was none. Nothing is beside it where files can be without a name; but for the moment in which
# a file that is complete has its temporary name and not yet its own.
# WICK_EXHAUSTIVE=1 kills 50 times each; WICK_SEED=N draws the same moments again.
packed plain-f32
rounds=${WICK_EXHAUSTIVE:+50}
mv model.gguf old
seed=${WICK_SEED:-$RANDOM}
RANDOM=$seed
failed=

wrong() {
	echo "$*"
	failed=1
}

nameless=$(python3 -c 'import os; os.open(".", os.O_TMPFILE | os.O_WRONLY); print("yes")' 2>/dev/null)

# kill.py MILLISECONDS WHEN FILE COMMAND...: kills it so long after it began or, WHEN being "writing", after it began to
# write FILE. Says its exit status, -9 where it was alive, and whether it was writing then.
cat >kill.py <<'PY'
import glob, os, signal, subprocess, sys, time
after, when, file, *words = sys.argv[1:]

def writes(pid):
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except (FileNotFoundError, PermissionError):  # it ended, or closed the file
        links = []
    return any(link.startswith(os.getcwd() + "/#") and link.endswith("(deleted)") for link in links) or bool(
        glob.glob(file + ".*.part"))

command = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while when == "writing" and not writes(command.pid) and command.poll() is None:
    pass
time.sleep(int(after) / 1000)
command.send_signal(signal.SIGSTOP)
writing = writes(command.pid)
command.send_signal(signal.SIGKILL)
print(command.wait(), int(writing))
PY

sum() {
	if [ -e "$1" ]; then cksum <"$1"; else echo none; fi
}

# tidy NAME ROUND SUM FILE: removes what is left beside it, which is to be complete
tidy() {
	local left

	for left in "$4".*.part; do
		[ -e "$left" ] || continue
		[ -z "$nameless" ] || [ "$(sum "$left")" = "$3" ] || wrong "$1, round $2: $left is left"
		rm "$left"
	done
}

# Sets `most` to the milliseconds that a command takes, and a tenth: kills come at any moment of it.
time_of() {
	local begun=$(date +%s%N)

	"$@" >/dev/null 2>&1
	most=$((($(date +%s%N) - begun) * 11 / 10000000 + 1))
}

# killed ROUND FILE COMMAND...: at any moment, within `most` milliseconds or, in two rounds of four, within `soon` after
# it began to write. Where a kill came too late the next ones come sooner, else a little later.
killed() {
	local round=$1 said
	shift

	if ((round & 2)); then
		said=$(python3 kill.py $((RANDOM * soon / 32768)) writing "$@")
		[ "${said% *}" = 0 ] && soon=$((soon / 2)) || soon=$((soon + soon / 16 + 1))
	else
		said=$(python3 kill.py $((RANDOM * most / 32768)) anytime "$@")
		[ "${said% *}" = 0 ] && most=$((most * 9 / 10 + 1)) || most=$((most + most / 32 + 1))
	fi
	status=${said% *}
	[ "$status" != -9 ] || alive=$((alive + 1)) writing[round & 1]=$((writing[round & 1] + ${said#* }))
}

# Whether half of the kills found it alive, and two each writing in even and odd rounds.
hit() {
	((alive * 2 >= rounds && writing[0] >= 2 && writing[1] >= 2))
}

# kill_often NAME ROUNDS FILE COMMAND...: which writes FILE, after `prepare ROUND`. More rounds follow until enough hit.
kill_often() {
	local name=$1 rounds=$2 file=$3 i status before sum_new most soon=4 alive=0 writing=(0 0)
	shift 3

	prepare 0
	time_of "$@"
	sum_new=$(sum "$file")
	for ((i = 0; i < 5 * rounds; i++)); do
		((i < rounds)) || ! hit || break
		prepare $i
		before=$(sum "$file")
		killed $i "$file" "$@"
		[ "$status" != 0 ] || before=$sum_new
		[ "$status" = 0 ] || [ "$status" = -9 ] || wrong "$name, round $i: exit $status"
		case $(sum "$file") in
		"$before" | "$sum_new") ;;
		*) wrong "$name, round $i: neither what was there nor the new file" ;;
		esac
		wick verify "${file/.pred/}" >/dev/null || wrong "$name, round $i: broken"
		tidy "$name" $i "$sum_new" "$file"
	done
	hit || wrong "$name: of $i kills, $alive found it alive, ${writing[*]} writing"
	"$@" >/dev/null 2>&1 && [ "$(sum "$file")" = "$sum_new" ] && echo "$name: done in the end"
}

prepare() {
	cp old out.gguf
}
kill_often pack "${rounds:-20}" out.gguf wick pack src -o out.gguf --type bf16
wick trace synth --like old --tokens 64 -o some.trace 2>/dev/null
kill_often order "${rounds:-12}" out.gguf wick pack old --order coactivation --trace some.trace -o out.gguf

# Of experts: each one's three parts are gathered from three tensors.
stock=$WICK_SOURCE/tests/golden/fixtures/stock
wick pack "$stock/qwen3moe-f16/model.gguf" -o old 2>/dev/null
kill_often 'pack experts' "${rounds:-12}" out.gguf wick pack "$stock/gpt-oss-mxfp4/model.gguf" -o out.gguf

rm -r src
fixture sharded-f16
wick pack src -o model.gguf 2>/dev/null
import="wick train model.gguf --import $WICK_SOURCE/tests/unit/fixtures/powerinfer/odd"
$import >/dev/null
mv model.pred.gguf imported

# Over an old file in every other round; with the layers that the round before has kept.
prepare() {
	if (($1 % 2)); then cp imported model.pred.gguf; else rm -f model.pred.gguf; fi
}
seq 1 30000 >numbers
kill_often train "${rounds:-12}" model.pred.gguf \
	wick train model.gguf --text numbers --tokens 7520 --steps 2 --bytes 30% --threads 1

mv model.pred.gguf trained
prepare() {
	cp trained model.pred.gguf
}
kill_often import "${rounds:-20}" model.pred.gguf $import
[ -z "$failed" ] || echo "WICK_SEED=$seed"
rm -f tsan.rodata.* # of the thread sanitizer, killed as it began
ls
