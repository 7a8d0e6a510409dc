# What tools/demo and tools/check say before they install anything. Programs of the system are functions here.
. "$WICK_SOURCE/tools/packages.sh"
user=1000 works=
id() { echo $user; }
apt-get() { [ -n "$works" ] || { echo "E: no such package"; return 1; }; }
env() { shift; "$@"; }
# command -v NAME: which programs there are
there='apt-get sudo'
command() { [[ " $there " == *" $2 "* ]]; }
sudo() { [ "$1" = -n ] && shift; "$@" && touch installed; }
list='
libone-dev test -e installed
two        test -e installed
three      true
'
try() {
	echo "== $1"
	install_packages "$list" </dev/null 2>&1
	echo "exit $?"
}
try "as a user, and it fails"
there=apt-get
try "no sudo"
there=sudo
try "no Debian"
there='apt-get sudo' works=1
try "as a user"
try "all there"
rm installed
user=0
try "as root, of something else"
