# A run leaves with the drive's profile how fast the drive was, and a plan says when the two disagree.
export XDG_CACHE_HOME=$PWD/cache
how='--io pread --buffered'
packed plain-f32
wick flashbench . --size 1M --chunks 4k,64k --depths 1,8 --seconds 0.05 $how --save-profile >/dev/null 2>err
profile=$(sed -n 's/^profile saved: //p' err)
grep -c last_run "$profile"
run="--mode naive --ctx 64 $how"
memory=$(smallest_budget model.gguf $run)
# Hundreds of reads a token.
wick run model.gguf -p a -n 60 --memory $memory --chunk-size 4K $run >/dev/null 2>&1
echo "exit $?"
python3 - "$profile" <<'PY'
import json, sys
run = json.load(open(sys.argv[1]))["last_run"]
print(sorted(run))
print(run["reads"] >= 1000, run["mb_per_s"] > 0, run["expected_mb_per_s"] > 0, run["at_s"] > 1700000000)
PY
edit_json "$profile" 'j["last_run"].update(at_s=1795219200, mb_per_s=31.4, expected_mb_per_s=1240)'
wick plan model.gguf --memory $memory $run | grep -o 'but the last run.*)'
# Too few reads say nothing, and leave it as it is; so does a run that takes no profile.
wick run model.gguf -p a -n 2 --memory $memory $run >/dev/null 2>&1
edit_json "$profile" 'print(j["last_run"]["mb_per_s"])'
# Rubbish in its place is no run.
edit_json "$profile" 'j["last_run"] = {"mb_per_s": -1, "expected_mb_per_s": "a", "at_s": 5}'
wick plan model.gguf --memory $memory $run | grep -c 'last run'
