# How tools/check counts: a skip that an install would cure is a failure.
cat >log.json <<'JSON'
{"name": "wick:unit / good", "result": "OK", "stdout": "[  SKIPPED ] a_part\n"}
{"name": "wick:unit / bad", "result": "FAIL", "stdout": "what it said\n", "stderr": "and cried\n"}
{"name": "wick:unit / slow", "result": "TIMEOUT"}
{"name": "wick:cli / root", "result": "SKIP", "stdout": "skipped: device-mapper: only root may make block devices\n"}
{"name": "wick:cli / picture", "result": "SKIP", "stdout": "skipped: bench-svg: gnuplot is not installed\n"}
JSON
"$WICK_SOURCE/tools/check-tally" log.json 2>said
sed 's/ *$//' said
"$WICK_SOURCE/tools/check-tally"
"$WICK_SOURCE/tools/check-tally" nowhere 2>/dev/null || echo "no log: a failure"
