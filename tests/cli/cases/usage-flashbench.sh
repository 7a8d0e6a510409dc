misuse flashbench
misuse flashbench . --chunks 4q
misuse flashbench . --chunks 4k..
misuse flashbench . --chunks ..4k
misuse flashbench . --chunks 64k..4k
misuse flashbench . --chunks 4k,,8k
misuse flashbench . --chunks ''
misuse flashbench . --chunks 100
misuse flashbench . --chunks 2G
misuse flashbench . --depths 0
misuse flashbench . --depths 0..8
misuse flashbench . --depths 4097
misuse flashbench . --depths 1,99999999999999999999
misuse flashbench . --depths -1
misuse flashbench . --depths 1k
misuse flashbench . --depths "$(seq -s , 65)"
misuse flashbench . --threads 0
misuse flashbench . --threads 257
misuse flashbench . --pattern zigzag
misuse flashbench . --seconds 0
misuse flashbench . --size 100
misuse flashbench . --io aio
misuse flashbench . --io pread --sqpoll
misuse flashbench . --lines chunk
misuse flashbench . --save-profile --pattern seq
misuse flashbench . --save-profile --depths 8..32
misuse flashbench . --save-profile --chunks 4k
ls -A
