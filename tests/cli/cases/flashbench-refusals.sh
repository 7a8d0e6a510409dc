numbers='s/[0-9][0-9.]* \(bytes\|kB\|MB\|GB\|TB\) are free/N are free/'
tiny='--chunks 4k --depths 1 --seconds 0.01 --buffered'
refuse flashbench nowhere
refuse flashbench nowhere/file $tiny
refuse flashbench /dev/null $tiny
refuse flashbench . $tiny --size 900T 2>&1 | sed "$numbers"
head -c 10000 /dev/urandom >small
refuse flashbench small $tiny --chunks 16k
refuse flashbench small $tiny --pattern seq --threads 3
refuse flashbench small $tiny --csv nowhere/out.csv
refuse flashbench small $tiny --svg nowhere/out.svg
mkdir folder
refuse flashbench small $tiny --csv folder
truncate -s 2G large
refuse flashbench large $tiny --depths 4096 --threads 256 --chunks 1G 2>&1 | sed "s/and only .* are free/and only N are free/"
