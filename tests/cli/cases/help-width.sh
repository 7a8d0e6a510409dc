# Every command has help, and no line of it is wider than a terminal of 80 columns.
names() { sed -n 's/^  \([a-z]\+\)  .*/\1/p'; }
{
	wick help
	for command in $(wick help | names); do wick help $command; done
	for part in $(wick help trace | names); do wick help trace $part; done
} >said
awk 'length > 80' said
grep -c ^usage: said
