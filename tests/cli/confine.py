#!/usr/bin/env python3
# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
"""confine.py UNIT COMMAND...: runs a command under those restrictions of a unit of systemd that can be had without systemd: its
user is nobody's, without privileges, in a file system that is read-only but for the cache folder; memory that is written is
never executed; and of system calls and address families there are only the unit's. Exits 77 where that cannot be had."""
import ctypes
import os
import re
import struct
import subprocess
import sys

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_MDWE = 38, 22, 65
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, ERRNO = 0x7fff0000, 0x00050000
EPERM, EAFNOSUPPORT = 1, 97
libc = ctypes.CDLL(None, use_errno=True)


def skip(why):
    print(why)
    sys.exit(77)


def members(group):
    """The system calls of one of systemd's groups."""
    for line in subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True).stdout.split("\n"):
        word = line.strip()
        if word.startswith("@") and word != group:
            yield from members(word)
        elif re.fullmatch(r"[a-z0-9_]+", word):
            yield word


def numbers(names):
    """By this machine's header."""
    text = subprocess.run(["cc", "-E", "-dM", "-include", "sys/syscall.h", "-xc", "/dev/null"], capture_output=True, text=True).stdout
    known = dict(re.findall(r"#define __NR_(\w+) (\d+)", text))
    return sorted({int(known[name]) for name in names if name in known})


def filter_of(unit):
    value = lambda key: re.search(rf"^{key}=(.*)$", unit, re.M)[1].split()
    names = [name for word in value("SystemCallFilter") for name in (members(word) if word.startswith("@") else [word])]
    families = {"AF_UNIX": 1, "AF_INET": 2, "AF_INET6": 10}
    code = [(LOAD, 0, 0, 0)]
    sockets = numbers(["socket"])
    allowed = [families[name] for name in value("RestrictAddressFamilies")]
    code.append((EQUAL, 0, 2 + 2 * len(allowed), sockets[0]))
    code.append((LOAD, 0, 0, 16))  # the first argument
    for family in allowed:
        code += [(EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    code.append((RETURN, 0, 0, ERRNO | EAFNOSUPPORT))
    for number in numbers(names):
        code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    return code + [(RETURN, 0, 0, ERRNO | EPERM)]


def forbid(code):
    text = b"".join(struct.pack("HBBI", *step) for step in code)
    buffer = ctypes.create_string_buffer(text, len(text))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(buffer)))
    if libc.prctl(PR_SET_MDWE, 1, 0, 0, 0):
        skip("the kernel cannot deny memory that is written and executed")
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0):
        skip("the kernel filters no system calls")


def main():
    unit = open(sys.argv[1]).read()
    cache = os.environ["XDG_CACHE_HOME"]
    code = filter_of(unit)
    if len(code) < 200:
        skip("systemd-analyze does not say which system calls a service has")
    setup = (f"mount --make-rprivate / && mount -t tmpfs -o mode=777 tmpfs '{cache}' && mount -o remount,bind,ro / && "
             "{ [ ! -d /sys ] || mount -o remount,bind,ro /sys; }")
    if libc.unshare(0x00020000) or subprocess.run(["sh", "-c", setup], capture_output=True).returncode:
        skip("file systems cannot be mounted here")
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
    os.umask(0o077)
    forbid(code)
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except PermissionError:
        skip("another user may not enter the folder of the build")


main()
