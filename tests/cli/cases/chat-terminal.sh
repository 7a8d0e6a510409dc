# A conversation at a terminal: edited lines, history, Ctrl-C, a narrow window, a paste.
command -v tmux >/dev/null || { echo "tmux is not installed"; exit 77; }
wick pack "$WICK_SOURCE/tools/demo-model/opt-8m" -o model.gguf 2>/dev/null
server=0
screen() {
	tmux -L "wick-$$-$server" -f /dev/null "$@"
}
trap 'screen kill-server 2>/dev/null' EXIT
# begin COLUMNS OPTION...
begin() {
	local columns=$1
	shift
	screen kill-server 2>/dev/null
	server=$((server + 1))
	screen new-session -d -x "$columns" -y 50 "wick chat model.gguf --template zephyr --temp 0 $*; echo exit \$?; sleep 600"
	await '^>'
}
shown() {
	screen capture-pane -p -S -500
}
# await PATTERN [SHOWN]: a line of the screen, for so long as a slow machine needs
await() {
	for _ in $(seq 600); do
		shown | grep -q -- "$1" && return
		sleep 0.1
	done
	echo "never shown: $1"
	shown
	exit 1
}
ask() {
	screen send-keys "$1" Enter
}
prompts() {
	shown | grep -c '^>'
}
await_prompts() {
	for _ in $(seq 600); do
		[ "$(prompts)" = "$1" ] && return
		sleep 0.1
	done
	echo "not $1 prompts"
	shown
	exit 1
}

begin 80 -n 5 --ignore-eos
ask 'héllo wörld 你好'
await_prompts 2
shown | grep '^> h'
shown | grep -c 'tokens/s, .*memory .* of .*]'
echo "history, edited:"
screen send-keys Up BSpace BSpace '!!' Enter
await_prompts 3
shown | grep '!!$'
echo "a message of two lines:"
screen send-keys one M-Enter two Enter
await_prompts 4
echo "Ctrl-C at the prompt, twice:"
screen send-keys 'forget this' C-c
await_prompts 5
screen send-keys C-c
await_prompts 6
ask '/save kept.json'
await_prompts 7
python3 -c 'import json; print([m["content"] for m in json.load(open("kept.json"))["messages"][0::2]])'
echo "Ctrl-D:"
screen send-keys C-d
await '^exit 0'

echo "Ctrl-C ends an answer:"
begin 80 --ignore-eos
ask hello
for _ in $(seq 600); do
	[ "$(shown | grep -c '[A-Za-z]')" -gt 6 ] && break
	sleep 0.05
done
screen send-keys C-c
await 'tokens/s'
await_prompts 2
ask '/stats'
await 'stop: interrupted'
ask '/save stopped.json'
await_prompts 4
python3 -c 'import json; m = json.load(open("stopped.json"))["messages"]; print([x["role"] for x in m], len(m[1]["content"]) > 0)'

echo "a paste of 100 lines is one message, in a window that became narrow:"
begin 80 -n 5
screen resize-window -x 20 -y 20
seq 1 100 >lines
screen load-buffer lines
screen paste-buffer -p
await '^100$'
screen send-keys BSpace '!' Enter
await 'tokens/s'
ask '/save pasted.json'
for _ in $(seq 100); do
	[ -e pasted.json ] && break
	sleep 0.1
done
python3 -c 'import json; m = json.load(open("pasted.json"))["messages"]; print([len(x["content"].split("\n")) for x in m[:1]], m[0]["content"][-10:].split())'
