# Ctrl-C at a terminal, TERM, HUP, and the end of the terminal, while a line is drawn: what was drawn is wiped, one
# sentence or the figures follow, and the terminal is as it was.
python3 -c 'import fcntl, pty, termios' 2>/dev/null || { echo "no pseudo-terminals in this Python"; exit 77; }
cat >terminal.py <<'PY'
import fcntl, os, pty, re, select, signal, subprocess, sys, termios

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
        for number in signal.SIGINT, signal.SIGTERM, signal.SIGHUP:
            signal.signal(number, signal.SIG_DFL)

    def read(self):
        """What comes within a moment."""
        while self.master and select.select([self.master], [], [], 0.05)[0]:
            self.said += os.read(self.master, 65536)

    def is_alive(self):
        return self.command.poll() is None

    def await_end(self):
        while self.is_alive():
            self.read()
        self.read()
        return self.command.returncode

    def await_text(self, text):
        """False: the command ended before it said that."""
        while text not in self.said and self.is_alive():
            self.read()
        return self.is_alive()

    def hold(self):
        self.command.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.command.send_signal(signal.SIGCONT)

    def stop(self, how):
        """While it is held, so that ^C is shown before what comes of it. Returns the screen before that."""
        self.hold()
        self.read()
        before = self.screen()
        if how == "^C":
            os.write(self.master, b"\x03")
            self.await_text(b"^C")
        elif how == "end":
            os.close(self.master)
            self.master = None
        else:
            self.command.send_signal(signal.Signals["SIG" + how])
        self.go_on()
        return before

    def screen(self):
        """Its lines, the last one with the cursor, which returns to the beginning of one or wipes the rest, no more."""
        lines, column = [""], 0
        for part in re.findall(r"\r|\n|\033\[K|[^\r\n\033]+|\033", self.said.decode(errors="replace")):
            if part == "\r":
                column = 0
            elif part == "\n":
                lines.append("")
            elif part == "\033[K":
                lines[-1] = lines[-1][:column]
            else:
                lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + len(part):]
                column += len(part)
        return lines

    def state(self):
        if self.master is None:
            return "gone"
        return "as it was" if termios.tcgetattr(self.slave) == self.settings else "another"

def writes(pid):
    """Whether it has a file of this folder open that has no name yet, or one has a name for the time being."""
    try:
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    except FileNotFoundError:  # it ended, or closed the file
        links = []
    return any(link.startswith(os.getcwd() + "/#") and link.endswith("(deleted)") for link in links) or any(
        name.endswith(".part") for name in os.listdir())

def stopped(how, drawn, words):
    """The line is drawn after a second: that is over at the first progress, however fast the drive is."""
    for name in "out.gguf", "model.pred.gguf", "model.pred.gguf.part":
        if os.path.exists(name):
            os.unlink(name)
    terminal = Terminal(*words)
    while not writes(terminal.command.pid) and terminal.is_alive():
        terminal.read()
    if not terminal.is_alive():
        return None, None
    terminal.hold()
    select.select([], [], [], 1.5)
    terminal.go_on()
    before = terminal.stop(how) if terminal.await_text(drawn.encode()) else None
    return (terminal, before) if terminal.await_end() else (None, None)

def stop_often(drawn, *words):
    """One that was too fast is tried again."""
    for how in "^C", "TERM", "HUP", "end":
        terminal = None
        for _ in range(20):
            terminal, before = (terminal, before) if terminal else stopped(how, drawn, words)
        print(f"{how}: exit {terminal.command.returncode}, the terminal is {terminal.state()},",
              "the line was shown" if before[-1].startswith(drawn) else f"it showed {before}")
        print("\n".join(terminal.screen() if terminal.master else before[:-1]), end="")
        print(sorted(os.listdir()))

def run(how):
    """The logits go into a pipe that holds about half of them, so the signal comes in the middle."""
    terminal = Terminal("wick", "run", "model.gguf", "-p", "a", "-n", "110", "--temp", "0", "--logits", "rows")
    with open("rows", "rb", buffering=0) as rows:
        rows.read(4096)
        terminal.stop(how)
        while rows.read(65536):
            terminal.read()
    print(f"{how}: exit {terminal.await_end()}, the terminal is {terminal.state()}")
    said = terminal.said.decode(errors="replace").replace("\r\n", "\n")
    print("interrupted:", "stop: interrupted" in said)
    print(said.rstrip("\n").split("\n")[-1].split(" ")[0])

print("pack:")
stop_often("packing ", "wick", "pack", "synthetic:opt-125m", "-o", "out.gguf")
print("train:")
stop_often("training layer ", *"wick train model.gguf --text numbers --tokens 7520 --bytes 30% --threads 1".split())
print("run:")
os.mkfifo("rows")
for how in "^C", "TERM", "HUP":
    run(how)
PY
packed plain-f32
rm -r src
seq 1 30000 >numbers
python3 terminal.py
