"""Scopes: a collection once for the account, once a region, or once for each parent."""

import pytest
from garner import ACCOUNT, collection
from server import Answer, Listing, error

TOKEN = {"style": "token", "from": "body:/next", "to": "query:token"}


# --- account and regions ---

def test_account_scope_has_no_region(lab, server):
    server.on("/things", Listing([{"id": "a"}]))
    lab.has(collection())
    event, = lab.run().changes()
    assert (event["region"], event["parent"], event["account"], event["provider"]) == (None, None, ACCOUNT, "p")


def by_region(lab, server, regions, accounts=None, **over):
    server.on("/r/*", lambda request: {"items": [{"id": "a", "at": request.path.split("/")[2]}]})
    lab.has(collection("p.regional", "/r/{region}/things", scope="region", **over), regions=regions, accounts=accounts)


def regions_of(run):
    return sorted(e["region"] for e in run.changes())


def test_a_list_of_regions_is_a_collection_each(lab, server):
    by_region(lab, server, ["r1", "r 2"])
    run = lab.run()
    assert sorted((e["region"], e["id"], e["after"]["at"]) for e in run.changes()) == [("r 2", "a", "r 2"), ("r1", "a", "r1")]
    assert "/r/r%202/things" in [r.raw_path for r in server.asked()]
    assert lab.document("p.regional", "a", "--region", "r1") == {"id": "a", "at": "r1"}


def test_collections_of_the_account_and_of_regions_are_mixed_in_a_file(lab, server):
    server.on("/r/*", Listing([{"id": "a"}]))
    server.on("/things", Listing([{"id": "b"}]))
    regional = {"path": "/r/{region}/things", "scope": "region"}
    lab.has(collection("p.first", **regional), collection(), collection("p.last", **regional), collection("p.end"), regions=["r1", "r2"])
    assert sorted((e["type"], e["region"]) for e in lab.run().changes()) == [
        ("p.end", None), ("p.first", "r1"), ("p.first", "r2"), ("p.last", "r1"), ("p.last", "r2"), ("p.thing", None)]


def test_an_accounts_own_regions_come_first(lab, server):
    by_region(lab, server, ["r1", "r2"], accounts=[lab.account(regions=["r9"]), lab.account(id="acct-2")])
    assert sorted((e["account"], e["region"]) for e in lab.run().changes()) == [
        ("acct-1", "r9"), ("acct-2", "r1"), ("acct-2", "r2")]


def test_a_region_that_fails_leaves_the_others_alone(lab, server):
    by_region(lab, server, ["r1", "r2", "r3"])
    server.on("/r/r2/things", error(403))
    run = lab.run(expect=1)
    assert regions_of(run) == ["r1", "r3"]
    run.blames("403", type="p.regional", region="r2")


DISCOVERY = {"request": {"url": "{account.endpoint}/regions"}, "items": "/regions/*", "id": "/name"}


def discovered(lab, server, *names):
    server.on("/regions", {"regions": [{"name": name} for name in names]})
    by_region(lab, server, DISCOVERY)


def test_regions_are_discovered(lab, server):
    discovered(lab, server, "r1", "r2")
    assert regions_of(lab.run()) == ["r1", "r2"]
    server.on("/regions", {"regions": [{"name": "r1"}, {"name": "r2"}, {"name": "r3"}]})
    assert regions_of(lab.run()) == ["r3"]


@pytest.mark.parametrize("answer, cause", [(error(500), "500"), (error(403), "403"), (Answer({"regions": []}), "region"),
                                           (Answer("<html>", type="text/html"), "body|json|html")])
def test_when_discovery_fails_or_finds_nothing_the_last_known_regions_go_on(lab, server, answer, cause):
    discovered(lab, server, "r1", "r2")
    lab.run()
    server.on("/regions", answer)
    server.on("/r/r1/things", {"items": [{"id": "a", "at": "r1"}, {"id": "b"}]})
    run = lab.run(expect=1)
    assert run.brief() == ["created b"]
    run.said(ACCOUNT, "region", cause)
    assert run.statuses("unwatched") == []


def test_a_first_discovery_that_fails_is_an_error_and_other_collections_are_done(lab, server):
    server.on("/regions", error(500))
    server.on("/things", Listing([{"id": "x"}]))
    lab.has(collection(), collection("p.regional", "/r/{region}/things", scope="region"), regions=DISCOVERY)
    run = lab.run(expect=1)
    assert run.brief() == ["created x"]
    run.said(ACCOUNT, "region", "500")


def test_a_region_that_vanished_is_unwatched_and_loses_nothing(lab, server):
    discovered(lab, server, "r1", "r2")
    lab.run()
    server.on("/regions", {"regions": [{"name": "r1"}]})
    server.forget()
    run = lab.run()
    assert run.changes() == []
    assert [(e["region"], e["type"]) for e in run.statuses("unwatched")] == [("r2", "p.regional")]
    assert server.asked("/r/r2/*") == []
    assert lab.document("p.regional", "a", "--region", "r2") == {"id": "a", "at": "r2"}
    assert lab.run().statuses("unwatched") == [], "once is enough"
    server.on("/regions", {"regions": [{"name": "r1"}, {"name": "r2"}]})
    assert lab.run().changes() == [], "it is back, and nothing has changed"
    assert server.asked("/r/r2/*") != []


# --- parents and children ---

class Tree:
    """Repositories, and tags below them: /repos and /repos/NAME/tags."""

    def __init__(self, lab, server, **tags):
        self.tags = {name: [{"id": tag} for tag in tags[name]] for name in tags}
        self.repos = [{"id": name, "path": f"x/{name}"} for name in tags]
        self.listing = Listing(self.repos, "token", size=2)
        self.server, self.failing = server, {}
        server.on("/repos", self.listing)
        server.on("/repos/*", self.children)
        lab.has(collection("p.repo", "/repos", page=TOKEN, delete={"guard": "none"}),
                collection("p.tag", "/repos/{parent.id}/tags", scope={"parent": "p.repo"}, delete={"guard": "none"}))

    def children(self, request):
        name = request.path.split("/")[2]
        return self.failing.get(name) or {"items": self.tags[name]}


def pairs(run, op=None):
    return sorted((e["op"], e["parent"], e["id"]) for e in run.changes("p.tag") if op in (None, e["op"]))


def test_children_are_listed_once_for_each_parent(lab, server):
    Tree(lab, server, a=["1", "2"], b=["1"], c=[])
    run = lab.run()
    assert run.brief("p.repo") == ["created a", "created b", "created c"]
    assert pairs(run) == [("created", "a", "1"), ("created", "a", "2"), ("created", "b", "1")]
    assert lab.run().changes() == []
    assert lab.document("p.tag", "2") == {"id": "2"}
    assert lab.document("p.tag", "1", "--parent", "b") == {"id": "1"}


def test_a_new_parent_brings_its_children_in_the_same_run(lab, server):
    tree = Tree(lab, server, a=["1"])
    lab.run()
    tree.tags["n"] = [{"id": "9"}]
    tree.repos.append({"id": "n"})
    run = lab.run()
    assert run.brief("p.repo") == ["created n"] and pairs(run) == [("created", "n", "9")]


def test_placeholders_of_parents_are_one_path_segment_each(lab, server):
    server.on("/repos", {"items": [{"id": "team/app x", "key": "a?b&c", "n": 7}]})
    server.on("/repos/*", {"items": [{"id": "t%/1"}]})
    server.on("/deep/*", {"items": [{"id": "end"}]})
    lab.has(collection("p.repo", "/repos"),
            collection("p.tag", scope={"parent": "p.repo"}, request={
                "url": "{account.endpoint}/repos/{parent.id}/tags", "query": {"key": "{parent:/key}", "n": "{parent:/n}"}}),
            collection("p.leaf", "/deep/{parent.parent.id}/{parent.id}/{parent.parent:/key}", scope={"parent": "p.tag"}))
    run = lab.run()
    assert run.brief("p.leaf") == ["created end"]
    tags, = server.asked("/repos/*")
    assert tags.raw_path == "/repos/team%2Fapp%20x/tags" and tags.query == [("key", "a?b&c"), ("n", "7")]
    leaf, = server.asked("/deep/*")
    assert leaf.raw_path == "/deep/team%2Fapp%20x/t%25%2F1/a%3Fb%26c"
    assert lab.run().changes() == []


def test_a_parent_without_what_a_child_needs_fails_that_child_only(lab, server):
    server.on("/repos", {"items": [{"id": "a", "key": "ka"}, {"id": "b"}]})
    server.on("/repos/*", {"items": [{"id": "t"}]})
    lab.has(collection("p.repo", "/repos"), collection("p.tag", "/repos/{parent:/key}/tags", scope={"parent": "p.repo"}))
    run = lab.run(expect=1)
    assert pairs(run) == [("created", "a", "t")]
    run.blames("/key", type="p.tag", parent="b", page=None)


def test_a_failing_child_leaves_its_siblings_alone(lab, server):
    tree = Tree(lab, server, a=["1"], b=["1"], c=["1"])
    tree.failing["b"] = error(403)
    run = lab.run(expect=1)
    assert pairs(run) == [("created", "a", "1"), ("created", "c", "1")]
    run.blames("403", type="p.tag", parent="b")


def test_a_child_of_an_unsound_parent_is_harvested_and_deletes_nothing(lab, server):
    tree = Tree(lab, server, a=["1", "2"], b=["1"], c=["1"])
    lab.run()
    tree.tags["a"] = [{"id": "1", "new": True}, {"id": "3"}]
    tree.listing.faults[2] = error(403)
    run = lab.run(expect=1)
    assert pairs(run) == [("created", "a", "3"), ("updated", "a", "1")]
    run.blames("403", type="p.repo", page=2)
    tree.listing.faults.clear()
    resumed = lab.run(expect=1)
    assert pairs(resumed) == [] and "went on with page 2" in resumed.err, "that is not sound, either"
    assert pairs(lab.run()) == [("deleted", "a", "2")]


def test_children_of_known_parents_go_on_when_the_parent_can_not_be_read_at_all(lab, server):
    tree = Tree(lab, server, a=["1"], b=["1"])
    lab.run()
    tree.tags["b"].append({"id": "2"})
    server.on("/repos", error(403))
    run = lab.run(expect=1)
    assert pairs(run) == [("created", "b", "2")]
    run.blames("403", type="p.repo")


def test_a_deleted_parent_deletes_its_children_and_cites_its_receipt(lab, server):
    tree = Tree(lab, server, a=["1", "2"], b=["1"], c=["1"])
    lab.run()
    del tree.repos[0]
    del tree.tags["a"]
    run = lab.run()
    assert run.brief("p.repo") == ["deleted a"]
    assert pairs(run) == [("deleted", "a", "1"), ("deleted", "a", "2")]
    repo, = run.changes("p.repo")
    for tag in run.changes("p.tag"):
        assert set(repo["receipt"]) <= set(tag["receipt"]), "a child's delete rests on its parent's receipt"
    known = {receipt["id"] for receipt in lab.receipts()}
    assert {id for e in run.changes() for id in e["receipt"]} <= known
    assert lab.run().changes() == []


def test_a_deleted_grandparent_deletes_all_below(lab, server):
    repos = [{"id": "a"}, {"id": "b"}]
    server.on("/repos", Listing(repos, "token", size=9))
    server.on("/repos/*", lambda request: {"items": [{"id": "x"}]})
    lab.has(collection("p.repo", "/repos", delete={"guard": "none"}),
            collection("p.tag", "/repos/{parent.id}/tags", scope={"parent": "p.repo"}),
            collection("p.leaf", "/repos/{parent.parent.id}/tags/{parent.id}", scope={"parent": "p.tag"}))
    assert len(lab.run().changes()) == 6
    del repos[0]
    assert sorted((e["op"], e["type"]) for e in lab.run().changes()) == [
        ("deleted", "p.leaf"), ("deleted", "p.repo"), ("deleted", "p.tag")]
    assert len(lab.world()) == 3


def test_a_parent_that_comes_back_brings_its_children_anew(lab, server):
    tree = Tree(lab, server, a=["1"], b=["1"])
    lab.run()
    gone = tree.repos.pop(0)
    lab.run()
    tree.repos.append(gone)
    run = lab.run()
    assert run.brief("p.repo") == ["created a"] and pairs(run) == [("created", "a", "1")]
    assert len(lab.world()) == 4


def test_children_in_regions_belong_to_the_parent_of_their_region(lab, server):
    server.on("/r1/repos", {"items": [{"id": "a"}]})
    server.on("/r2/repos", {"items": [{"id": "a"}, {"id": "b"}]})
    server.on("/r1/repos/*", {"items": [{"id": "one"}]})
    server.on("/r2/repos/*", {"items": [{"id": "two"}]})
    lab.has(collection("p.repo", "/{region}/repos", scope="region"),
            collection("p.tag", "/{region}/repos/{parent.id}/tags", scope={"parent": "p.repo"}), regions=["r1", "r2"])
    run = lab.run()
    assert sorted((e["region"], e["parent"], e["id"]) for e in run.changes("p.tag")) == [
        ("r1", "a", "one"), ("r2", "a", "two"), ("r2", "b", "two")]


def test_accounts_of_two_providers_with_one_id_stay_apart(lab, server):
    server.on("/one", {"items": [{"id": "a", "of": "one"}]})
    server.on("/two", {"items": [{"id": "a", "of": "two"}]})
    lab.has_provider({"provider": "p", "auth": {"kind": "none"}, "collections": [collection("x.thing", "/one")]})
    lab.has_provider({"provider": "q", "auth": {"kind": "none"}, "collections": [collection("x.thing", "/two")]}, "q")
    lab.has_config([lab.account(), lab.account(provider="q")], providers=["providers/p.yaml", "providers/q.yaml"])
    assert sorted((e["provider"], e["after"]["of"]) for e in lab.run().changes()) == [("p", "one"), ("q", "two")]


def test_splits_spread_the_regions_of_one_account_and_lose_nothing(lab, server):
    by_region(lab, server, [f"r{n}" for n in range(12)], accounts=[lab.account(splits=4)])
    run = lab.run()
    assert len(run.changes()) == 12
    assert len({e["shard"] for e in run.changes()}) > 1
    assert lab.run().changes() == []
