"""A lab whose AWS is the small one, as a fixture: `from aws_lab import cloud`. And `one`, a listing in it for tests of
where credentials come from, with `be` and `comes`.

All that garner prints and keeps is searched for secrets when the test is over.
"""

from urllib.parse import quote

import aws_files
import pytest
from aws import MAIN, Aws


class Cloud:
    def __init__(self, lab, server):
        self.lab, self.server, self.aws, self.results = lab, server, Aws(server), []
        self.alice = self.aws.user("alice")
        lab.env |= {"AWS_ENDPOINT_URL": server.url}
        garner = lab.garner

        def spy(*args, **more):
            self.results.append(garner(*args, **more))
            return self.results[-1]
        lab.garner = spy

    def keys(self, keys):
        """The environment's keys are these, or none."""
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            self.lab.env.pop(name, None)
        self.lab.env |= keys.environment() if keys else {}

    def account(self, id=MAIN, aws=None, **more):
        return {"id": id, "provider": "p", **({"credentials": {"aws": aws}} if aws is not None else {}), **more}

    def has(self, *collections, accounts=None, config=None, **top):
        self.lab.has_provider(aws_files.provider(*collections, **top))
        self.lab.has_config([self.account()] if accounts is None else accounts, **(config or {}))

    def files(self, config=None, credentials=None):
        """~/.aws, section by section."""
        for name, sections in (("config", config), ("credentials", credentials)):
            if sections is not None:
                text = sections if isinstance(sections, str) else "\n".join(f"[{head}]\n{body}" for head, body in sections.items())
                self.lab.write(f".aws/{name}", text)

    def run(self, **more):
        return self.lab.run(**more)

    def holds(self, type="p.snapshot"):
        return sorted({key[5] for key in self.lab.world() if key[3] == type})

    def snapshots(self, count=3, region="us-east-1", account=MAIN, prefix="snap"):
        made = self.aws.at(region, account).snapshots
        made += [{"snapshotId": f"{prefix}-{n:03}", "state": "completed"} for n in range(count)]
        return made

    def nothing_leaks(self):
        hidden = {form.encode() for text in self.aws.hidden for form in (text, quote(text, safe=""))}
        for result in self.results:
            said = result.err.encode() + result.out
            assert not [text for text in hidden if text in said], f"a secret is out\n{result}"
        for path in self.lab.data.rglob("*") if self.lab.data.exists() else []:
            kept = path.read_bytes() if path.is_file() else b""
            assert not [text for text in hidden if text in kept], f"a secret is in {path}"


@pytest.fixture
def cloud(lab, server):
    made = Cloud(lab, server)
    made.keys(made.alice)
    yield made
    made.nothing_leaks()


@pytest.fixture
def one(cloud):
    """Three snapshots in one region, for whoever has keys of MAIN. Nothing in the environment yet."""
    cloud.keys(None)
    cloud.snapshots(3)
    cloud.has(aws_files.snapshots(), regions=["us-east-1"])
    return cloud


def be(cloud, **aws):
    cloud.lab.has_config([cloud.account(aws=aws)])


def comes(cloud, keys=None, role=None):
    """The three are harvested, by these keys or by keys of this role."""
    assert len(cloud.run().changes()) == 3
    call, = cloud.aws.called("DescribeSnapshots")
    assert call.verdict == "ok"
    assert (call.keys is keys) if keys else (call.keys.role == role.arn)
    return call
