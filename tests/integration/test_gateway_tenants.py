"""Tokens over HTTP: each tenant sees its own accounts in every answer, and learns nothing of others."""

import hashlib
import json
import time

import pytest
import yaml
from continual import free_port
from garner import collection
from gateway import Stream, awaited, get, lines, refused, run
from server import Listing, error

ACME, UMBRELLA, OPERATOR = "acme-token-0123456789", "umbrella-token-0123456", "operator-token-012345"
OWN = [{"name": "acme", "sha256": hashlib.sha256(ACME.encode()).hexdigest(), "accounts": ["p/one"]},
       {"name": "umbrella", "plain": UMBRELLA, "accounts": ["p/two", "p/three"]},
       {"name": "operators", "plain": OPERATOR, "accounts": "all"}]
STREAMS = ("/v1/changes?from=oldest&follow=false", "/v1/resources")


def write_tokens(lab, tokens, mode=0o640):
    path = lab.folder / "tokens.yaml"
    new = lab.folder / "tokens.new"
    new.write_text(tokens if isinstance(tokens, str) else yaml.safe_dump({"tokens": tokens}))
    new.chmod(mode)
    new.rename(path)


def configure(lab):
    lab.has(collection(path="/{account.id}/things", every="300ms"), collection("p.part", "/{account.id}/parts", every="300ms"),
            accounts=[{"id": name, "provider": "p", "endpoint": lab.endpoint} for name in ("one", "two", "three", "four")],
            config={"http": "127.0.0.1:0", "listen": f"tcp://127.0.0.1:{free_port()}", "tokens": "tokens.yaml"})


@pytest.fixture
def at(lab, server):
    server.on("/*/things", Listing([{"id": "a"}, {"id": "b"}]))
    server.on("/*/parts", error(403))
    write_tokens(lab, OWN)
    configure(lab)
    made = run(lab)
    awaited(lambda: len(lines(made.port, STREAMS[1], OPERATOR)) == 9)
    yield made
    if made.process.poll() is None:
        made.end()
    for token in (ACME, UMBRELLA, OPERATOR):
        assert token not in made.log.read_text()


def accounts(port, path, token):
    return {e["account"] for e in lines(port, path, token) if e["op"] != "bookmark"}


@pytest.mark.parametrize("path", ["/v1/changes", "/v1/resources", "/v1/status", "/metrics", "/status"])
def test_without_a_token_or_with_a_wrong_one_nothing_is_told(at, path):
    for token, said in [(None, "a token is needed"), ("wrong-token-0123456789", "nobody has this token"), (ACME[:-1], "nobody"),
                        (ACME + "x", "nobody"), ("", "needed"), (OWN[0]["sha256"], "nobody")]:
        status, word, sentence = refused(at.port, path, token)
        assert (status, word) == (401, "UNAUTHORIZED") and said in sentence
    assert refused(at.port, path, Authorization="Basic YTpi")[:2] == (401, "UNAUTHORIZED")
    assert get(at.port, path).headers["WWW-Authenticate"].startswith("Bearer")
    assert refused(at.port, path + "?nonsense")[0] == 401  # nothing else is told first
    assert get(at.port, "/healthz").status == 200 and get(at.port, "/").status == 200


@pytest.mark.parametrize("path", STREAMS)
def test_a_tenant_sees_its_own_accounts_and_an_operator_all(at, path):
    assert accounts(at.port, path, ACME) == {"one"}
    assert accounts(at.port, path, UMBRELLA) == {"two", "three"}
    assert accounts(at.port, path, OPERATOR) == {"one", "two", "three", "four"}


@pytest.mark.parametrize("path", STREAMS)
def test_what_is_asked_for_is_cut_to_what_the_tenant_has(at, path):
    mark = "&" if "?" in path else "?"

    def asked(query, token):
        return accounts(at.port, f"{path}{mark}{query}", token)
    assert asked("account=p/two", UMBRELLA) == asked("account=two", UMBRELLA) == {"two"}
    assert asked("account=two&account=one&account=four", UMBRELLA) == {"two"}
    assert asked("type=p.thing&provider=p", ACME) == {"one"} and asked("provider=q", ACME) == set()
    assert asked("account=four", OPERATOR) == {"four"} and asked("account=none", OPERATOR) == set()


@pytest.mark.parametrize("path", [*STREAMS, "/v1/status"])
def test_anothers_account_is_answered_as_one_that_there_isnt(at, path):
    mark = "&" if "?" in path else "?"
    said = [refused(at.port, f"{path}{mark}account={name}", ACME) for name in ("two", "p/two", "nobody", "p/nobody", "", "p/")]
    assert {(status, word) for status, word, _ in said} == {(404, "NOT_FOUND")}
    assert said[0][2].replace("two", "nobody") == said[2][2] and said[1][2].replace("two", "nobody") == said[3][2]


def test_the_status_is_of_its_accounts_and_tells_nothing_of_the_rest(at):
    awaited(lambda: json.loads(get(at.port, "/v1/status", OPERATOR).text)["troubled"]["unreachable"] == 4)

    def status(token, query=""):
        return json.loads(get(at.port, f"/v1/status{query}", token).text)
    mine, theirs, all_of_it = status(ACME), status(UMBRELLA), status(OPERATOR)
    assert (mine["collections"], theirs["collections"], all_of_it["collections"]) == (2, 4, 8)
    assert (mine["resources"], theirs["resources"], all_of_it["resources"]) == (2, 4, 8)
    assert {t["account"] for t in mine["troubles"]} == {"one"} and {t["account"] for t in theirs["troubles"]} == {"two", "three"}
    assert mine["requests"] is None and mine["bytes"] is None and mine["requests_per_second"] is None
    assert all_of_it["requests"] > 0 and status(UMBRELLA, "?account=two")["collections"] == 2
    assert sorted(mine) == sorted(all_of_it)


@pytest.mark.parametrize("path", ["/metrics", "/status"])
def test_what_is_of_all_accounts_is_for_operators(at, path):
    assert refused(at.port, path, ACME)[:2] == (403, "FORBIDDEN")
    assert get(at.port, path, OPERATOR).status == 200


def test_others_changes_pass_a_tenants_stream_by_and_its_bookmarks_are_behind_them(at, server):
    with Stream(at.port, "/v1/changes", ACME) as stream, Stream(at.port, "/v1/changes", UMBRELLA) as other:
        stream.wait(lambda: stream.events and other.events)
        first = stream.cursor
        server.on("/two/things", Listing([{"id": "a"}, {"id": "b"}, {"id": "c"}]))
        other.wait(lambda: other.brief() == ["created c"])
        stream.wait(lambda: stream.cursor != first, 10)
        assert stream.brief() == []
        server.on("/one/things", Listing([{"id": "a"}]))
        stream.wait(lambda: stream.brief() == ["deleted b"])


def test_the_file_is_read_anew_and_who_isnt_in_it_any_more_is_cut_off(at, lab):
    with Stream(at.port, "/v1/changes?from=oldest", ACME) as mine, Stream(at.port, "/v1/changes", UMBRELLA) as theirs:
        mine.wait(lambda: mine.events)
        write_tokens(lab, OWN[1:])
        mine.wait(lambda: mine.ended, 10)
        assert (mine.events[-1]["op"], mine.events[-1]["error"]) == ("error", "UNAUTHORIZED")
        assert refused(at.port, "/v1/changes", ACME)[0] == 401
        write_tokens(lab, "tokens: [{name: x, plain: a-secret-that-is-long}]")
        awaited(lambda: "the tokens are left as they were" in at.log.read_text())
        assert "a-secret-that-is-long" not in at.log.read_text()
        assert get(at.port, "/metrics", OPERATOR).status == 200
        (lab.folder / "tokens.yaml").unlink()
        awaited(lambda: at.log.read_text().count("the tokens are left as they were") == 2)
        time.sleep(2.5)
        assert at.log.read_text().count("the tokens are left as they were") == 2
        write_tokens(lab, OWN, 0o644)
        awaited(lambda: get(at.port, "/v1/status", ACME).status == 200)
        assert "can be read or written by everybody" in at.log.read_text() and not theirs.ended


@pytest.mark.parametrize("text, said", [
    ("tokens: []", "1 to 10000 tokens"), ("token: []", "did you mean 'tokens'"), ("[]", "tokens.yaml"),
    ("tokens: [{plain: 0123456789abcdef, accounts: all}]", "'name'"),
    ("tokens: [{name: x, plain: 0123456789abcdef}]", "'accounts'"),
    ("tokens: [{name: x, plain: short-secret, accounts: all}]", "can be guessed"),
    ("tokens: [{name: x, sha256: 12ab, accounts: all}]", "64 hexadecimal"),
    ("tokens: [{name: x, accounts: all}]", "'sha256' or 'plain'"),
    ("tokens: [{name: x, plain: 0123456789abcdef, accounts: [one]}]", "PROVIDER/ID"),
    ("tokens: [{name: x, plain: 0123456789abcdef, accounts: []}]", "1 to 1024"),
    ("tokens: [{name: x, plain: 0123456789abcdef, accounts: some}]", "a list of PROVIDER/ID"),
    ("tokens: [{name: x, plain: 0123456789abcdef, account: all}]", "did you mean 'accounts'"),
    ("tokens: [{name: x, plain: 0123456789abcdef, accounts: all}, {name: y, plain: 0123456789abcdef, accounts: all}]", "twice"),
])
def test_a_file_that_is_wrong_is_told_at_the_start_without_any_token(lab, server, text, said):
    server.on("/*", Listing([{"id": "a"}]))
    configure(lab)
    write_tokens(lab, text)
    result = lab.garner("run", "-c", lab.config, expect=2)
    assert said in result.err and "0123456789abcdef" not in result.err and "short-secret" not in result.err


def test_a_file_that_isnt_there_is_told(lab, server):
    server.on("/*", Listing([{"id": "a"}]))
    configure(lab)
    assert "tokens.yaml" in lab.garner("run", "-c", lab.config, expect=2).err
