# SPDX-FileCopyrightText: the wick authors
# SPDX-License-Identifier: Apache-2.0
#
# What wick is built from, and how it gets here. Sourced by tools/check and tools/demo.

# Programs of system administration, which lie outside of an ordinary user's path.
PATH=$PATH:/usr/sbin:/sbin

# Debian's package, and the command that succeeds once it is there, whatever system this is.
build_packages='
gcc             command -v cc
libc6-dev       echo "#include <stdio.h>" | cc -E -
meson           command -v meson
ninja-build     command -v ninja
pkg-config      command -v pkg-config
liburing-dev    pkg-config --exists liburing
libopenblas-dev pkg-config --exists openblas
libnuma-dev     pkg-config --exists numa
libcmocka-dev   pkg-config --exists cmocka
libjansson-dev  pkg-config --exists jansson
libpcre2-dev    pkg-config --exists libpcre2-8
libutf8proc-dev pkg-config --exists libutf8proc
libzip-dev      pkg-config --exists libzip
libedit-dev     pkg-config --exists libedit
libmicrohttpd-dev   pkg-config --exists libmicrohttpd
'
# Of tests that skip without, which is a failure of tools/check: they say that something is not installed.
test_packages='
libfuse3-dev    pkg-config --exists fuse3
dmsetup         command -v dmsetup
gnuplot-nox     command -v gnuplot
tmux            command -v tmux
scdoc           command -v scdoc
systemd         command -v systemd-analyze
binutils        command -v readelf
e2fsprogs       command -v mkfs.ext4 && command -v filefrag
gcc-aarch64-linux-gnu   command -v aarch64-linux-gnu-gcc
libc6-dev-arm64-cross   test -e /usr/aarch64-linux-gnu/include/stdio.h
qemu-user-static        command -v qemu-aarch64-static
'
long_packages='
python3-venv    python3 -c "import ensurepip, venv"
clang           command -v clang
libclang-rt-dev echo "int main(void){return 0;}" | clang -fsanitize=integer -x c -o /dev/null -
valgrind        command -v valgrind
debootstrap     command -v debootstrap
'

# Prints the packages of a list that are not here yet.
missing_packages() {
	local package probe

	while read -r package probe; do
		[ -z "$package" ] || eval "$probe" >/dev/null 2>&1 || echo "$package"
	done <<<"$1"
}

# Prints what has to come before apt-get to be root; fails where there is no way.
root_prefix() {
	if [ "$(id -u)" = 0 ]; then
		return
	fi
	command -v sudo >/dev/null || return 1
	[ -t 0 ] && echo sudo || echo sudo -n
}

# Installs what a list lacks, saying with which command, or says what to run and fails.
install_packages() {
	local missing root said install

	missing=$(missing_packages "$1" | tr '\n' ' ')
	missing=${missing% }
	[ -n "$missing" ] || return 0
	install="apt-get install --no-install-recommends $missing"
	if ! command -v apt-get >/dev/null; then
		echo "This is no Debian. Please install what it calls: $missing" >&2
		return 1
	fi
	if ! root=$(root_prefix); then
		echo "Please run as root: apt-get update && $install" >&2
		return 1
	fi
	echo "Installing what is missing${root:+, with sudo, which may ask for your password}: $install" >&2
	# An update that fails for one of several sources is no reason to stop: the install will tell.
	$root apt-get update -qq || true
	said=$($root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing 2>&1) || {
		echo "$said" >&2
		echo "That failed. Please run: ${root:+sudo }apt-get update && ${root:+sudo }$install" >&2
		return 1
	}
	missing=$(missing_packages "$1" | tr '\n' ' ')
	missing=${missing% }
	[ -z "$missing" ] || { echo "Installed, and still not found: $missing" >&2; return 1; }
}
