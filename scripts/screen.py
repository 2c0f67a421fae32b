"""A virtual screen, and what a program needs to open its window there and nowhere else: for the scripts beside it."""
import os
import subprocess


class Screen:
    """A screen of its own. Needs Xvfb."""

    def __init__(self, width, height):
        command = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", f"{width}x{height}x24"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.display = f":{self.process.stdout.readline().strip()}"

    def environment(self, home):
        """That of a program on it, which keeps what it keeps in `home`."""
        away = ("WAYLAND_DISPLAY", "WAYLAND_SOCKET")  # the desktop's own, which would be taken first
        kept = {name: value for name, value in os.environ.items() if name not in away}
        return {**kept, "DISPLAY": self.display, "HOME": str(home), "XDG_STATE_HOME": f"{home}/state", "XDG_CONFIG_HOME": f"{home}/config"}

    def close(self):
        self.process.terminate()
        self.process.wait()
