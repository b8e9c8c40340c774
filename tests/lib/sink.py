"""`garner sink postgres` beside a run, and what its tables then hold.

    with Sink(run, db) as sink:              # run: a Continual, db: a Postgres
        sink.equals(run)                     # … within a while: the tables are what `garner list` prints
        sink.kill(); sink.start()
"""

import json
import time
from decimal import Decimal

import yaml
from command import Command

KEY = ("provider", "account", "region", "type", "parent", "id")
DIGITS_MAX = 1000


def digits(literal):
    """How many a number takes when it is written out."""
    mantissa, _, exponent = literal.lower().partition("e")
    return len(mantissa) + abs(int(exponent or 0))


def as_held(value):
    """A document as the sink says that jsonb holds it. Numbers are Numbers of literals."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [as_held(one) for one in value]
    if isinstance(value, dict):
        return {as_held(key): as_held(one) for key, one in value.items()}
    return value


def number(literal):
    return literal if digits(literal) > DIGITS_MAX else Decimal(literal)


def parsed(text):
    return json.loads(text, parse_int=number, parse_float=number)


class Sink(Command):
    verb, pause_s = "sink", 0.05

    def __init__(self, listen, db, *args, schema="garner", **environment):
        super().__init__(listen.lab)
        self.db, self.schema, self.run = db, schema, listen
        self.args = ["--at", listen.listen, *([] if schema == "garner" else ["--schema", schema]), *args]
        self.environment = {**db.environment(), **environment}

    def __enter__(self):
        self.run.started()
        return super().__enter__()

    def start(self):
        self.lab.env |= self.environment
        self.process = self.lab.start("sink", "postgres", *self.args)
        self.read()
        return self

    def goes_on(self):
        """Until it has begun; one that found nobody, be it the run or PostgreSQL, is started again."""
        deadline = time.monotonic() + 60
        while not self.said_since_start("' of database '"):
            if self.process.poll() is not None:
                assert self.process.returncode == 3, self
                self.start()
            assert time.monotonic() < deadline, self
            time.sleep(self.pause_s)

    def __str__(self):
        return f"{super().__str__()}\n--- PostgreSQL\n{self.db.said()[-2000:]}"

    # --- what the tables hold ---

    def resources(self):
        """The documents by (provider, account, region, type, parent, id)."""
        sql = f"SELECT json_agg(json_build_array({', '.join(KEY)}, document)) FROM {self.schema}.resources"
        if not self.db.one(f"SELECT to_regclass('{self.schema}.resources')"):
            return {}
        return {tuple(row[:-1]): row[-1] for row in parsed(self.db.one(sql) or "[]")}

    def listed(self):
        """The same, as `garner list` prints the store."""
        rows = [parsed(line) for path in self.lab.folder.glob("providers/*.yaml")
                for one in yaml.safe_load(path.read_text())["collections"]
                for line in self.lab.on_data("list", one["type"], "--json", expect=None).lines()]
        return {tuple(as_held(row[key]) for key in KEY): as_held(row["document"]) for row in rows}

    def equals(self, wanted=None, within=30):
        """Waits until the tables are the store (or what is wanted)."""
        given, deadline = wanted, time.monotonic() + within
        while (found := self.resources()) != (wanted := self.listed() if given is None else given):
            assert self.process.poll() is None, f"it ended\n{self}"
            if time.monotonic() > deadline:
                wrong = {key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)}
                few = sorted(map(str, wrong))[:5]
                raise AssertionError(f"{len(wrong)} of {len(wanted)} differ, {few} …\n{self}")
            time.sleep(0.1)
        return found

    def check_changes(self):
        """No change is missing, each is there once, and those of a resource follow from each other."""
        holes = self.db.rows(f"SELECT shard, count(*), max(seq) - min(seq) + 1 AS span FROM {self.schema}.changes"
                             " GROUP BY history, shard HAVING count(*) <> max(seq) - min(seq) + 1")
        assert holes == []
        broken = self.db.rows(f"SELECT c.shard, c.seq, c.id FROM {self.schema}.changes c JOIN {self.schema}.changes p"
                              " ON p.history = c.history AND p.shard = c.shard AND p.seq = c.previous"
                              " WHERE c.key <> p.key OR c.op <> 'status' AND c.before IS DISTINCT FROM p.after")
        assert broken == []
