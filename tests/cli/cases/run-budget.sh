# Too small a budget names the smallest that works, and that one does.
packed plain-f32
wick run model.gguf -p a -n 2 --memory 1M >said 2>&1
echo "exit $?"
sed 's/[0-9.]\+ MB/N MB/g; s/--memory [0-9]*/--memory N/' said
smallest=$(sed -n 's/.*--memory \([0-9]*\)).*/\1/p' said)
wick run model.gguf -p a -n 2 --memory $smallest >/dev/null 2>&1
echo "at the smallest: exit $?"
wick run model.gguf -p a -n 2 --memory $((smallest - (1 << 20))) >/dev/null 2>&1
echo "a MiB less: exit $?"
wick plan model.gguf --ctx 19 --memory $smallest --json | python3 -c '
import json, sys
plan = json.load(sys.stdin)
print("planned within the budget:", plan["total_bytes"] <= plan["budget_bytes"] == int(sys.argv[1]))' $smallest
