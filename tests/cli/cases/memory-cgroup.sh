# A memory cgroup that allows less than --memory is noticed at the start and said; one that would kill the run refuses
# it. tests/golden/cgroup.c tells how the versions differ.

# where VERSION: the folder of the memory cgroup that this process is in. What of the hierarchy is mounted is not a part
# of that folder's path.
where() {
	local root mount path

	read -r root mount < <(awk -v version=$1 '{
		for (i = 7; $i != "-"; i++);
		if (version == 2 ? $(i + 1) == "cgroup2" : $(i + 1) == "cgroup" && ("," $(i + 3) ",") ~ /,memory,/) {
			print $4, $5
			exit
		}
	}' /proc/self/mountinfo) || return
	path=$(awk -F : -v version=$1 '
		version == 2 ? $1 == 0 && $2 == "" : ("," $2 ",") ~ /,memory,/ { print $3 }' /proc/self/cgroup)
	[ -n "$path" ] && echo "$mount${path#"${root%/}"}"
}

# made_under FOLDER VERSION: a cgroup of our own there whose memory can be limited
made_under() {
	cgroup=$1/wick-cli-$$
	limit=$cgroup/memory.$([ $2 = 2 ] && echo max || echo limit_in_bytes)
	mkdir "$cgroup" 2>/dev/null || return
	[ -w "$limit" ] && return
	rmdir "$cgroup"
	return 1
}

# Of version 2, a cgroup that has processes may have no children with controllers, but siblings.
made() {
	local folder

	folder=$(where 1) && made_under "$folder" 1 && return
	folder=$(where 2) && { made_under "$folder" 2 || made_under "${folder%/*}" 2; }
}

# within BYTES COMMAND...: in that cgroup
within() {
	local bytes=$1
	shift

	echo $bytes >"$limit"
	bash -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$cgroup" "$@"
}

grep -qa -e __tsan_init "$(command -v wick)" && { echo "the thread sanitizer's own memory is in no budget"; exit 77; }
made 2>/dev/null || { echo "no memory cgroup can be made here"; exit 77; }
trap 'until rmdir "$cgroup" 2>/dev/null; do sleep 0.05; done' EXIT
packed plain-f32
run='wick run model.gguf -p a -n 2 --threads 1 --seed 1'

within $((256 << 20)) $run --memory 512M >text 2>said
echo "less than the budget: exit $?"
grep cgroup said
within $((256 << 20)) $run --memory 512M --json 2>/dev/null | grep '"limit"'
within $((256 << 20)) $run --memory 256M >same 2>said
echo "the budget: exit $?"
grep cgroup said
cmp text same
within $((256 << 20)) wick plan model.gguf --memory 512M >said 2>&1
echo "a plan: exit $?"

# The model is large beside a process that has not loaded it, and what a process takes differs a little.
wick pack synthetic:opt-125m --type q4_0 -o model.gguf 2>/dev/null
whole=$(wick plan model.gguf --memory 512M --threads 1 --json | sed -n 's/.*"total_bytes": \([0-9]*\),/\1/p')
less=$((whole - (1 << 20)))
within $less $run --ctx 2048 --memory 512M >text 2>said
echo "less than the plan: exit $?"
sed 's/[0-9.]* MiB/N MiB/g; s/--memory [0-9]*/--memory N/' said
wick plan model.gguf --memory $(sed -n 's/.*--memory \([0-9]*\) .*/\1/p' said) >text 2>&1
echo "a plan with what it said: exit $?"
