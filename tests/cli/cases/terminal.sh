# Ctrl-C at a terminal: what was drawn is wiped, one sentence or the figures follow, and the terminal is as it was.
python3 -c 'import fcntl, pty, termios' 2>/dev/null || { echo "no pseudo-terminals in this Python"; exit 77; }
cat >terminal.py <<'PY'
import fcntl, os, pty, select, signal, subprocess, sys, termios

class Terminal:
    """A command with a terminal of its own, whose foreground it is."""

    def __init__(self, *words):
        self.master, self.slave = pty.openpty()
        self.settings = termios.tcgetattr(self.slave)
        self.said = b""
        self.command = subprocess.Popen(
            words, stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=self.take)

    def take(self):
        os.setsid()
        fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    def read(self):
        """What comes within a moment."""
        while select.select([self.master], [], [], 0.05)[0]:
            self.said += os.read(self.master, 65536)

    def await_end(self):
        while self.command.poll() is None:
            self.read()
        self.read()
        return self.command.returncode

    def await_text(self, text):
        """False: the command ended before it said that."""
        while text not in self.said and self.command.poll() is None:
            self.read()
        return self.command.poll() is None

    def press_ctrl_c(self):
        """The terminal shows ^C after it has sent the signal."""
        os.write(self.master, b"\x03")
        return self.await_text(b"^C")

    def report(self):
        same = termios.tcgetattr(self.slave) == self.settings
        print(f"exit {self.command.returncode}, the terminal is {'as it was' if same else 'another'}")
        return self.said.decode(errors="replace").replace("\r\n", "\n")

def writes(pid):
    """Whether it has a file of this folder open that has no name yet, or there is one with a name for the time being."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except FileNotFoundError:  # it ended, or closed the file
        links = []
    return any(link.startswith(os.getcwd() + "/#") and link.endswith("(deleted)") for link in links) or any(
        name.endswith(".part") for name in os.listdir())

def pack():
    """The line is drawn after a second: that is over at the first progress, however fast the drive is."""
    terminal = Terminal("wick", "pack", "synthetic:opt-125m", "-o", "out.gguf")
    while not writes(terminal.command.pid) and terminal.command.poll() is None:
        terminal.read()
    if terminal.command.poll() is not None:
        return None
    os.kill(terminal.command.pid, signal.SIGSTOP)
    select.select([], [], [], 1.5)
    os.kill(terminal.command.pid, signal.SIGCONT)
    if terminal.await_text(b"packing "):
        terminal.press_ctrl_c()
    return terminal if terminal.await_end() else None

def run():
    """The logits go into a pipe that holds about half of them, so the signal comes in the middle."""
    terminal = Terminal("wick", "run", "model.gguf", "-p", "a", "-n", "110", "--temp", "0", "--logits", "rows")
    with open("rows", "rb", buffering=0) as rows:
        rows.read(4096)
        terminal.press_ctrl_c()
        while rows.read(65536):
            terminal.read()
    terminal.await_end()
    return terminal

# A pack that was too fast for the key is tried again.
terminal = None
for _ in range(20):
    terminal = terminal or pack()
said = terminal.report()
print("packing was shown:", "\r\033[Kpacking " in said, "and wiped:", "packing" not in said.split("\033[K")[-1])
print(said.split("\033[K")[-1], end="")
print(sorted(os.listdir()))

said = run().report()
print("interrupted:", "stop: interrupted" in said)
print(said.split("\n")[-2].split()[0])
PY
packed plain-f32
rm -r src
mkfifo rows
python3 terminal.py
