"""docker-registry behind a proxy that spoils its answers: each fault at each page of the catalog, and of the tags."""

import json

import garner
import pytest
import yaml
from fault_proxy import FaultProxy
from faults import FAULTS, Listing, spoil_every_page
from garner import ROOT
from registry import Registry

REPOS, A_PAGE = 9, 2
THROTTLE = {"status": 400, "type": "application/json", "body": json.dumps({"errors": [{"code": "TOOMANYREQUESTS", "message": "slowly"}]})}


class World:
    """A registry whose repositories have two tags, the proxy in front of it, and a lab that harvests it through that."""

    def __init__(self, folder, registry, proxy):
        self.registry, self.proxy, self.made = registry, proxy, 0
        self.repos, self.tags = [], []
        for _ in range(REPOS):
            self.add_repo()
        self.lab = garner.Lab(folder)
        made = yaml.safe_load((ROOT / "providers/docker-registry.yaml").read_text())
        made["limits"] = {"rate": 10000, "burst": 10000, "concurrency": 1}  # one by one, so that the tags have an order
        made["collections"] = [one for one in made["collections"] if one["type"] != "docker.manifest"]
        made["collections"][0]["request"]["query"]["n"] = str(A_PAGE)
        self.lab.has_provider(made)
        self.lab.has_config([{"id": "reg", "provider": "docker-registry", "endpoint": proxy.url}])
        self.lab.run()
        self.repositories = Listing("docker.repository", r"^GET /v2/_catalog", REPOS // A_PAGE + 1, lambda: {(None, repo) for repo in self.repos},
                                    self.add_repo, self.drop_repo, THROTTLE)
        # A repository's tags come at once; each repository is a listing of its own, so that its "page again" would be another's tags.
        self.tag_lists = Listing("docker.tag", r"^GET /v2/.*/tags/list\?n=", 5, self.all_tags, self.add_tag, self.drop_tag, THROTTLE,
                                 frozenset({"page_again"}))

    def all_tags(self):
        return set(self.tags)

    def add_repo(self):
        self.made += 1
        repo = f"team/app{self.made:03}"
        self.repos.append(repo)
        for tag in ("one", "two"):
            self.push(repo, tag)

    def push(self, repo, tag):
        self.registry.push(repo, tag, f"{repo} {tag} {self.made}")
        self.tags.append((repo, tag))

    def drop_repo(self):
        repo = self.repos.pop(len(self.repos) // 2)
        self.tags = [one for one in self.tags if one[0] != repo]
        self.registry.forget_repository(repo)

    def add_tag(self):
        self.made += 1
        self.push(self.repos[self.made % len(self.repos)], f"t{self.made:03}")

    def drop_tag(self):
        repo, tag = next(one for one in self.tags if one[1] not in ("one", "two"))
        self.tags.remove((repo, tag))
        self.registry.delete(repo, self.registry.digest(repo, tag))


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    with Registry(folder / "registry") as registry, FaultProxy(folder / "proxy", registry.url) as proxy:
        yield World(folder, registry, proxy)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("which", ["repositories", "tag_lists"])
def test_nothing_is_deleted_and_everything_comes_back(world, which, fault):
    listing = getattr(world, which)
    if fault not in listing.not_here:
        spoil_every_page(world.lab, world.proxy, listing, fault)
