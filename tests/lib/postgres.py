"""A PostgreSQL of its own, of Debian's packages: in a new folder, on a socket file and a free loopback port.

    with Postgres() as db:
        lab.env |= db.environment()
        db.rows("SELECT 1 AS one")           # [{"one": 1}]
        db.restart()

PostgreSQL won't run as root: then it is user `postgres`, or `nobody`. A C test runs this file as a program: it
prints a connection string, and ends when its standard input does.
"""

import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from decimal import Decimal

START_S = 60
SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "30",
            "shared_buffers": "32MB", "autovacuum": "off", "max_wal_size": "256MB", "log_min_messages": "warning",
            "log_min_error_statement": "panic"}


def programs():
    """The folder with postgres and initdb: the newest version's."""
    found = glob.glob("/usr/lib/postgresql/*/bin/postgres")
    if not found:
        raise RuntimeError("PostgreSQL is not installed: run deploy/setup.sh")
    return os.path.dirname(max(found, key=lambda path: int(path.split("/")[4].split(".")[0])))


def unprivileged():
    """What comes before a command so that it isn't root's, and whose it then is."""
    if os.getuid() != 0:
        return [], None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"], user
    raise RuntimeError("PostgreSQL won't run as root, and there is neither a user postgres nor nobody")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as made:
        return made.getsockname()[1]


class Postgres:
    def __init__(self, encoding="UTF8", **settings):
        self.bin, (self.prefix, self.user) = programs(), unprivileged()
        self.folder = tempfile.mkdtemp(prefix="garner-pg-")  # short: a socket's path has 107 bytes at most
        self.data, self.log, self.port = f"{self.folder}/data", f"{self.folder}/log", free_port()
        self.settings, self.process = {**SETTINGS, **settings}, None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        os.chmod(self.folder, 0o755)
        try:
            self._init(encoding)
            self.start()
        except BaseException:
            self.close()
            raise

    def _init(self, encoding):
        done = subprocess.run([*self.prefix, f"{self.bin}/initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", encoding,
                               "--locale=C", "--no-sync", "--no-instructions"], capture_output=True, text=True, cwd="/", check=False)
        assert done.returncode == 0, f"initdb: {done.stderr}{done.stdout}"
        rules = "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"  # by port with a password
        subprocess.run([*self.prefix, "tee", f"{self.data}/pg_hba.conf"], input=rules, stdout=subprocess.DEVNULL, text=True, check=True)

    def start(self):
        settings = {**self.settings, "port": str(self.port), "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*self.prefix, f"{self.bin}/postgres", "-D", self.data, *options], cwd="/",
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + START_S
        while not self.answers():
            assert self.process.poll() is None and time.monotonic() < deadline, f"PostgreSQL did not start\n{self.said()}"
            time.sleep(0.02)
        return self

    def answers(self):
        asked = [f"{self.bin}/pg_isready", "-q", "-h", self.folder, "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def stop(self, number=signal.SIGINT):
        """SIGINT: at once, and in good order (fast); SIGQUIT: as if it crashed."""
        self.process.send_signal(number)
        self.process.wait(30)

    def restart(self, number=signal.SIGINT):
        self.stop(number)
        self.start()

    def said(self):
        return open(self.log, errors="replace").read() if os.path.exists(self.log) else ""

    # --- who asks ---

    @property
    def conninfo(self):
        return f"host={self.folder} port={self.port} user=postgres dbname=postgres"

    def environment(self):
        return {"PGHOST": self.folder, "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": "postgres"}

    def run(self, sql, expect=0, **variables):
        """What psql prints, without decoration."""
        given = [part for name, value in variables.items() for part in ("-v", f"{name}={value}")]
        done = subprocess.run([f"{self.bin}/psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *given, "-f", "-", self.conninfo],
                              input=sql, capture_output=True, text=True, env={**os.environ, "PGOPTIONS": "", "LC_ALL": "C.UTF-8"}, check=False)
        assert expect is None or done.returncode == expect, f"{sql}\n{done.stderr}"
        return done.stdout

    def rows(self, sql):
        """A query's rows, as objects. Decimals keep what they are."""
        text = self.run(f"SELECT coalesce(json_agg(q), '[]') FROM (\n{sql.strip().rstrip(';')}\n) q")
        return json.loads(text, parse_float=Decimal)

    def one(self, sql):
        return self.run(sql).strip()

    # --- its end ---

    def close(self):
        if self.process and self.process.poll() is None:
            try:
                self.stop(signal.SIGQUIT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def main():
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    with Postgres() as made:
        print(made.conninfo, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
