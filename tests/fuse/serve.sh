#!/usr/bin/env bash
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
#
# serve.sh ORDERED: wick serve over the bad drive (serve_faults.py)
here=$(cd "$(dirname "$0")" && pwd)
PATH=${WICK_TOOLS-$WICK_BUILD/tools}:$PATH PYTHONPATH=$here/../cli exec python3 "$here/serve_faults.py" "$1"
