"""providers/docker-registry.yaml against Debian's docker-registry: real pages, real links, real deletes."""

import pytest
import registry as docker
from garner import ROOT
from registry import MANIFEST, OCI_INDEX, Registry

REPOS = {"solo": 3, "team/app": 20, "team/app/deep": 2, "lib/a.b_c-d": 5, "zz/one": 1}
REPOSITORY, TAG, LEAF = "docker.repository", "docker.tag", "docker.manifest"


@pytest.fixture
def registry(tmp_path):
    if not docker.find_program():
        pytest.fail("docker-registry is not installed: run deploy/setup.sh", pytrace=False)
    with Registry(tmp_path / "registry") as made:
        yield made


@pytest.fixture
def harvested(lab, registry):
    """Five repositories with 31 tags, harvested once, two repositories a page."""
    for repo, count in REPOS.items():
        for n in range(count):
            registry.push(repo, f"v{n}", f"{repo} {n}")
    provider = (ROOT / "providers/docker-registry.yaml").read_text()
    assert 'n: "100"' in provider
    lab.has_provider(provider.replace('n: "100"', 'n: "2"'))  # so that the catalog has pages
    lab.has_config([{"id": "reg", "provider": "docker-registry", "endpoint": registry.url}])
    lab.first = lab.run()
    return lab


def changes(run):
    """What changed, as (op, type, path): the path tells a repository, a tag or a tag's manifest."""
    made = []
    for e in run.changes():
        parent = e["parent"] or ""
        path = {REPOSITORY: e["id"], TAG: f"{parent.replace('%2F', '/')}:{e['id']}",
                LEAF: parent.replace("%2F", "/")}[e["type"]]
        made.append((e["op"], e["type"].removeprefix("docker."), path))
    return sorted(made)


def test_the_file_is_good_as_it_is(lab):
    lab.has_provider((ROOT / "providers/docker-registry.yaml").read_text())
    lab.has_config([{"id": "reg", "provider": "docker-registry", "endpoint": "http://127.0.0.1:5000"}])
    lab.garner("validate", "-c", lab.config)


def test_everything_is_harvested_and_a_second_run_is_silent(harvested, registry):
    lab = harvested
    tags = [(repo, f"v{n}") for repo, count in REPOS.items() for n in range(count)]
    assert changes(lab.first) == sorted(
        [("created", "repository", repo) for repo in REPOS] + [("created", "tag", f"{repo}:{tag}") for repo, tag in tags]
        + [("created", "manifest", f"{repo}/{tag}") for repo, tag in tags])
    assert all(e["initial"] for e in lab.first.changes())
    assert lab.run().changes() == []
    for event in lab.first.changes(LEAF):
        repo, tag = event["parent"].rsplit("/", 1)
        assert event["after"] == registry.manifest(repo.replace("%2F", "/"), tag), "the manifest, as the registry has it"
    assert lab.document(TAG, "v19") == "v19"
    assert lab.document(REPOSITORY, "lib/a.b_c-d") == "lib/a.b_c-d"


def test_a_new_tag_a_moved_one_and_a_deleted_one(harvested, registry):
    lab = harvested
    was, now = registry.manifest("team/app", "v1"), registry.manifest_of("team/app", "team/app 2")
    registry.push("team/app", "new", "team/app 0")
    registry.push("team/app", "v1", "team/app 2")
    registry.delete("solo", registry.digest("solo", "v2"))
    run = lab.run()
    assert changes(run) == [
        ("created", "manifest", "team/app/new"), ("created", "tag", "team/app:new"),
        ("deleted", "manifest", "solo/v2"), ("deleted", "tag", "solo:v2"),
        ("updated", "manifest", "team/app/v1")]
    moved, = [e for e in run.changes() if e["op"] == "updated"]
    assert (moved["before"], moved["after"]) == (was, now)
    assert "/config/digest" in [step["path"] for step in moved["patch"]]
    assert not any(e["initial"] for e in run.changes() if e["op"] == "updated")
    assert lab.run().changes() == []
    assert lab.world()


def test_an_image_takes_all_its_tags_with_it(harvested, registry):
    lab = harvested
    for tag in ("x1", "x2", "x3"):
        registry.push("team/app", tag, "shared")
    lab.run()
    registry.delete("team/app", registry.digest("team/app", "x1"))
    assert changes(lab.run()) == sorted([("deleted", "tag", f"team/app:x{n}") for n in (1, 2, 3)]
                                        + [("deleted", "manifest", f"team/app/x{n}") for n in (1, 2, 3)])


def test_a_repository_that_loses_its_last_tag_stays(harvested, registry):
    lab = harvested
    registry.delete("zz/one", registry.digest("zz/one", "v0"))
    assert registry.tags("zz/one") is None
    assert changes(lab.run()) == [("deleted", "manifest", "zz/one/v0"), ("deleted", "tag", "zz/one:v0")]
    assert "zz/one" in lab.ids(REPOSITORY)


def test_a_repository_that_goes_takes_its_tags_with_it(harvested, registry):
    lab = harvested
    registry.forget_repository("lib/a.b_c-d")
    tags = [f"v{n}" for n in range(5)]
    assert changes(lab.run()) == sorted(
        [("deleted", "repository", "lib/a.b_c-d")] + [("deleted", "tag", f"lib/a.b_c-d:{tag}") for tag in tags]
        + [("deleted", "manifest", f"lib/a.b_c-d/{tag}") for tag in tags])
    assert lab.run().changes() == []


def test_an_index_is_a_manifest_too(harvested, registry):
    parts = []
    for arch in ("amd64", "arm64"):
        digest = registry.push_manifest("solo", f"part-{arch}", registry.manifest_of("solo", arch))
        size = int(registry.ask("HEAD", f"/v2/solo/manifests/{digest}", headers={"Accept": MANIFEST})[0].getheader("Content-Length"))
        parts.append({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": arch}})
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": parts}
    registry.push_manifest("solo", "multi", index, OCI_INDEX)
    run = harvested.run()
    event, = [e for e in run.changes(LEAF) if e["id"] == "multi"]
    assert event["after"] == index


def test_a_registry_that_is_down_loses_nothing(harvested, registry):
    registry.stop()
    run = harvested.run(expect=1)
    assert run.changes() == []
    run.blames("refused|connect", type=REPOSITORY, account="reg")
    assert len(harvested.ids(TAG)) == sum(REPOS.values())
