# Chunks that direct reads cannot have, and a file system that has no direct reads.
head -c 1M /dev/urandom >file
wick flashbench file --chunks 4k --depths 1 --seconds 0.01 >/dev/null 2>&1 || { echo "no direct reads here"; exit 77; }
refuse flashbench file --chunks 4k,4100 2>&1 | sed 's/, [0-9]* bytes$/, N bytes/'
memory=$(mktemp /dev/shm/wick-XXXXXX) || exit 77
head -c 1M /dev/urandom >$memory
refuse flashbench $memory 2>&1 | sed "s|$memory|/dev/shm/file|"
rm $memory
