# What is said, without the figures; and that nothing stays behind.
tiny='--size 1M --chunks 4k,16k --depths 1..2 --seconds 0.02 --buffered --io pread'
# On a machine that is busy, reads may be few: a star, and a line that says so.
wick flashbench . $tiny 2>/dev/null | sed 's/ \*$//; /^\*/d; s/  *[0-9.][0-9.]*\( *\)$/ N\1/' | awk 'NR == 1 || $1 ~ /k$/ {print $1, $2, $3, NF}'
wick flashbench . $tiny --threads 3 --pattern seq --json 2>/dev/null >json
sed -E 's/: [0-9.e+-]+/: N/; s/"few_reads": (true|false)/"few_reads": B/; s/"(device|model)": ".*"/"\1": "..."/' json
grep -c mb_per_s json
wick flashbench . $tiny --csv out.csv >/dev/null 2>&1
head -n 1 out.csv
cut -d , -f 1-4 out.csv
awk -F , 'NR > 1 && ($5 <= 0 || $6 <= 0 || $7 <= 0 || $8 < $7 || $9 < $8 || $10 < $9)' out.csv
ls -A
