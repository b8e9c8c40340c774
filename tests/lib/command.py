"""A garner command that goes on in the background of a test, and what it says meanwhile."""

import signal
import threading
import time

from garner import SANITIZER, TIMEOUT_S, Result


class Command:
    """Subclasses give `process` in `start`, and call `read` for each thread that reads of it. With `with` it is killed if the test failed, and asked to
    end otherwise."""

    verb, pause_s, ends_within_s = "run", 0.01, TIMEOUT_S

    def __init__(self, lab):
        self.lab, self.lines, self.process, self._readers = lab, [], None, []
        self._began = 0  # its first line, of those of all that were started

    def start(self):
        raise NotImplementedError

    def read(self, *targets):
        for reader in self._readers:
            reader.join(10)
        self._began = len(self.lines)
        self._readers = [threading.Thread(target=target, args=(self.process,), daemon=True) for target in (self._read_lines, *targets)]
        for reader in self._readers:
            reader.start()

    def _read_lines(self, process):
        for line in process.stderr:
            self.lines.append(line.decode(errors="replace").rstrip("\n"))

    def join(self):
        for reader in self._readers:
            reader.join(10)
        for pipe in (self.process.stdout, self.process.stderr):
            pipe.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        if self.process.poll() is None:
            if kind:
                self.kill()
            else:
                self.stop()
        self.join()

    def __str__(self):
        return f"garner {self.verb}: exit {self.process.poll()}\n--- stderr\n" + "\n".join(self.lines[-60:])

    def __repr__(self):
        return str(self)

    def said(self, *patterns):
        """The lines on standard error that hold all of these."""
        return [line for line in list(self.lines) if all(pattern in line for pattern in patterns)]

    def said_since_start(self, *patterns):
        """Those of the process that was started last."""
        return [line for line in self.lines[self._began:] if all(pattern in line for pattern in patterns)]

    def wait(self, condition, within=30):
        """Until the condition holds; what it gave."""
        end = time.monotonic() + within
        while not (came := condition()):
            assert self.process.poll() is None, f"it ended\n{self}"
            assert time.monotonic() < end, f"not within {within} s\n{self}"
            time.sleep(self.pause_s)
        return came

    # --- its end ---

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.join()

    def stop(self, number=signal.SIGTERM, code=0, within=None):
        """Asks it to end, and asserts that it does."""
        self.send(number)
        return self.ended(code, within)

    def ended(self, code=0, within=None):
        within = self.ends_within_s if within is None else within
        began = time.monotonic()
        try:
            self.process.wait(TIMEOUT_S)
        except Exception:
            self.process.send_signal(signal.SIGABRT)
            raise AssertionError(f"it does not end\n{self}") from None
        took = time.monotonic() - began
        self.join()
        assert not SANITIZER.search("\n".join(self.lines)) and self.process.returncode != 99, str(self)
        assert code is None or self.process.returncode == code, f"exit {self.process.returncode}, not {code}\n{self}"
        assert took <= within, f"it took {took:.1f} s to end\n{self}"
        return Result([self.verb], self.process.returncode, b"", "\n".join(self.lines))
