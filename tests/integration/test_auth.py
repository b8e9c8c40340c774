"""Auth: each kind sends what it should, sessions are renewed once, and secrets stay secret."""

import base64
import itertools
import json
import time

import pytest
from garner import collection
from server import Answer, Listing, error, redirect

SECRET = "s3cr3t-value"


@pytest.fixture(autouse=True)
def secrets_stay_secret(request, lab):
    """No output of any command of a test holds the secret."""
    seen, garner = [], lab.garner

    def spy(*args, **more):
        result = garner(*args, **more)
        seen.append(result)
        return result
    lab.garner = spy
    yield
    for result in seen:
        assert SECRET not in result.err and SECRET not in result.text, f"the secret is out\n{result}"


def one(lab, auth, credentials=None, **over):
    """One collection with that auth."""
    lab.env["SECRET"] = SECRET
    account = lab.account(credentials=credentials or {"token": {"env": "SECRET"}}, **over)
    lab.has(collection(page={"style": "token", "from": "body:/next", "to": "query:token"}), auth=auth, accounts=[account])


def items(count=1):
    return [{"id": f"i{n}"} for n in range(count)]


BEARER = {"kind": "bearer", "token": "{credentials.token}"}


# --- kinds without a session ---

def test_none_sends_nothing(lab, server):
    server.on("/things", Listing(items()))
    one(lab, {"kind": "none"}, credentials={})
    lab.run()
    assert server.asked()[0].header("Authorization") is None


def test_basic(lab, server):
    server.on("/things", Listing(items()))
    one(lab, {"kind": "basic", "user": "u-{account.id}", "password": "{credentials.token}"})
    lab.run()
    assert base64.b64decode(server.asked()[0].header("Authorization").removeprefix("Basic ")) == f"u-acct-1:{SECRET}".encode()


def test_header(lab, server):
    server.on("/things", Listing(items()))
    one(lab, {"kind": "header", "headers": {"X-Key": "{credentials.token}", "X-Who": "me/{account.id}"}})
    lab.run()
    request, = server.asked()
    assert (request.header("X-Key"), request.header("X-Who"), request.header("Authorization")) == (SECRET, "me/acct-1", None)


def test_bearer_is_sent_with_every_page(lab, server):
    server.on("/things", Listing(items(7)))
    one(lab, BEARER)
    lab.run()
    assert [r.header("Authorization") for r in server.asked()] == [f"Bearer {SECRET}"] * 3


def test_a_collection_overrides_the_files_auth(lab, server):
    server.on("*", Listing(items()))
    lab.env["SECRET"] = SECRET
    lab.has(collection(), collection("p.open", "/open", auth={"kind": "none"}), auth=BEARER,
            accounts=[lab.account(credentials={"token": {"env": "SECRET"}})])
    lab.run()
    assert server.asked("/open")[0].header("Authorization") is None
    assert server.asked("/things")[0].header("Authorization") == f"Bearer {SECRET}"


# --- where credentials come from ---

@pytest.mark.parametrize("text", [SECRET, SECRET + "\n"])
def test_a_file_loses_one_trailing_newline(lab, server, text):
    server.on("/things", Listing(items()))
    path = lab.write("secret", text)
    one(lab, BEARER, {"token": {"file": str(path)}})
    lab.run()
    assert server.asked()[0].header("Authorization") == f"Bearer {SECRET}"


def test_a_commands_output_is_a_credential(lab, server):
    server.on("/things", Listing(items()))
    one(lab, BEARER, {"token": {"exec": ["printf", "%s\\n", SECRET]}})
    lab.run()
    assert server.asked()[0].header("Authorization") == f"Bearer {SECRET}"


def test_a_literal_credential_is_refused_unless_it_is_said_to_be_plain(lab, server):
    server.on("/things", Listing(items()))
    one(lab, BEARER, {"token": SECRET})
    lab.run(expect=2).said("garner.yaml:", "plain")
    assert server.asked() == []
    one(lab, BEARER, {"token": {"plain": SECRET}})
    lab.run()
    assert server.asked()[0].header("Authorization") == f"Bearer {SECRET}"


@pytest.mark.parametrize("reference, named", [
    ({"env": "NOT_SET_ANYWHERE"}, "NOT_SET_ANYWHERE"), ({"file": "/nowhere/key"}, "/nowhere/key"),
    ({"exec": ["false"]}, "false"), ({"exec": ["no-such-command-here"]}, "no-such-command-here")])
def test_a_credential_that_can_not_be_resolved_fails_its_account_only(lab, server, reference, named):
    server.on("/things", Listing(items()))
    lab.env["SECRET"] = SECRET
    lab.has(collection(), auth=BEARER, accounts=[
        lab.account(id="broken", credentials={"token": reference}),
        lab.account(id="fine", credentials={"token": {"env": "SECRET"}})])
    run = lab.run(expect=1)
    assert [(e["account"], e["id"]) for e in run.changes()] == [("fine", "i0")]
    run.said("broken", named)
    assert len(server.asked()) == 1


@pytest.mark.parametrize("text", ["a\nb", "a\r\nX-Evil: 1"])
def test_a_header_value_with_a_line_break_is_an_error(lab, server, text):
    server.on("/things", Listing(items()))
    lab.env["SECRET"] = text
    one_account = [lab.account(credentials={"token": {"env": "SECRET"}})]
    lab.has(collection(), auth={"kind": "header", "headers": {"X-Key": "{credentials.token}"}}, accounts=one_account)
    lab.env["SECRET"] = text
    lab.run(expect=1).said("acct-1", "X-Key|header")
    assert server.asked() == []


def test_a_missing_credential_is_named_at_start(lab, server):
    lab.has(collection(), auth=BEARER, accounts=[lab.account(credentials={"tokem": {"env": "SECRET"}})])
    run = lab.garner("validate", "-c", lab.config, expect=2)
    run.said("garner.yaml:", "token")


# --- login ---

class Session:
    """A login at /login and, for /things, a door that lets valid tokens in only."""

    def __init__(self, server, listing, tokens_last=10**9, expires_in=3600):
        self.names = (f"{SECRET}-{n}" for n in itertools.count(1))
        self.valid, self.last, self.expires_in = {}, tokens_last, expires_in
        server.on("/login", self.login)
        server.on("/things", self.door(listing))

    def login(self, request):
        token = next(self.names)
        self.valid[token] = self.last
        return {"access_token": token, "expires_in": self.expires_in}

    def door(self, listing):
        def handle(request):
            token = (request.header("Authorization") or "").removeprefix("Token ")
            if self.valid.get(token, 0) <= 0:
                return error(401, "ExpiredToken")
            self.valid[token] -= 1
            return listing(request)
        return handle


LOGIN = {"kind": "login",
         "request": {"method": "POST", "url": "{account.endpoint}/login", "body": {"user": "me", "password": "{credentials.token}"}},
         "token": "body:/access_token", "expires_in": "body:/expires_in", "send": "header:Authorization", "format": "Token {token}"}


def test_one_login_serves_all_pages_and_collections(lab, server):
    session = Session(server, Listing(items(7)))
    server.on("/others", session.door(Listing(items(4))))
    one(lab, LOGIN)
    page = {"style": "token", "from": "body:/next", "to": "query:token"}
    lab.has(collection(page=page), collection("p.other", "/others", page=page), auth=LOGIN,
            accounts=[lab.account(credentials={"token": {"env": "SECRET"}})])
    assert len(lab.run().changes()) == 11
    login, = server.asked("/login")
    assert login.json() == {"user": "me", "password": SECRET}


def test_a_401_in_mid_listing_renews_once_and_goes_on_with_the_same_page(lab, server):
    Session(server, Listing(items(9)), tokens_last=2)
    one(lab, LOGIN)
    assert len(lab.run().changes()) == 9
    assert [r.param("token") for r in server.asked("/things")] == [None, "t3", "t6", "t6"]
    assert len(server.asked("/login")) == 2


def test_a_token_that_expires_by_the_clock_is_renewed(lab, server):
    listing = Listing(items(9), faults={2: lambda request, right: time.sleep(1.3) or right})
    session = Session(server, listing, expires_in=1)
    until, login = {}, session.login

    def timed(request):
        answer = login(request)
        until[answer["access_token"]] = time.monotonic() + 1.2
        return answer
    server.on("/login", timed)
    door = session.door(listing)

    def handle(request):
        token = (request.header("Authorization") or "").removeprefix("Token ")
        return door(request) if time.monotonic() < until.get(token, 0) else error(401)
    server.on("/things", handle)
    one(lab, LOGIN)
    assert len(lab.run().changes()) == 9
    assert len(server.asked("/login")) >= 2


def test_a_401_that_a_new_token_does_not_cure_is_an_error_and_no_storm(lab, server):
    session = Session(server, Listing(items(4)))
    one(lab, LOGIN)
    lab.run()
    server.forget()
    server.on("/things", error(401, "NotYou"))
    run = lab.run(expect=1)
    run.blames("401")
    assert len(server.asked("/login")) <= 2 and len(server.asked("/things")) <= 2
    assert run.changes() == [] and len(lab.ids()) == 4
    assert session.valid


def test_a_token_from_a_header_and_the_default_format(lab, server):
    server.on("/login", Answer({}, status=201, headers={"X-Subject-Token": SECRET}))
    server.on("/things", Listing(items()))
    one(lab, {"kind": "login", "request": {"method": "POST", "url": "{account.endpoint}/login", "body": {}},
              "token": "header:X-Subject-Token", "send": "header:X-Auth-Token"})
    lab.run()
    assert server.asked("/things")[0].header("X-Auth-Token") == SECRET


@pytest.mark.parametrize("answer, cause", [
    (error(403), "403"), (Answer({"nothing": 1}), "access_token"), (Answer("<html>", type="text/html"), "login|body|json"),
    (redirect("http://127.0.0.1:9/x"), "redirect|origin|302")])
def test_a_login_that_fails_is_the_cause_and_other_collections_are_done(lab, server, answer, cause):
    server.on("/login", answer)
    server.on("*", Listing(items()))
    server.on("/login", answer)
    lab.env["SECRET"] = SECRET
    lab.has(collection(), collection("p.open", "/open", auth={"kind": "none"}), auth=LOGIN,
            accounts=[lab.account(credentials={"token": {"env": "SECRET"}})])
    run = lab.run(expect=1)
    run.blames(cause, page=None)
    run.said("log(ging )?in")
    assert run.brief() == ["created i0"] and server.asked("/things") == []


# --- exec ---

def exec_auth(lab, server, tokens_last):
    """A command whose tokens are good for so many requests; it counts its calls in a file."""
    script = lab.write("login.sh", 'echo x >> "$1"; n=$(wc -l < "$1"); printf \'{"t": "%s-%s", "exp": 3600}\' "$SECRET" $n\n')
    used = {}

    def handle(request):
        token = request.header("X-Token")
        used[token] = used.get(token, 0) + 1
        return listing(request) if used[token] <= tokens_last else error(401)
    listing = Listing(items(9))
    server.on("/things", handle)
    one(lab, {"kind": "exec", "command": ["sh", str(script), str(lab.folder / "calls")], "token": "body:/t",
              "expires_in": "body:/exp", "send": "header:X-Token"})
    return used


def test_exec_runs_once_and_sends_what_the_command_printed(lab, server):
    used = exec_auth(lab, server, tokens_last=100)
    assert len(lab.run().changes()) == 9
    assert used == {f"{SECRET}-1": 3} and (lab.folder / "calls").read_text() == "x\n"


def test_exec_renews_on_a_401_and_goes_on(lab, server):
    used = exec_auth(lab, server, tokens_last=2)
    assert len(lab.run().changes()) == 9
    assert used == {f"{SECRET}-1": 3, f"{SECRET}-2": 1}


@pytest.mark.parametrize("command, cause", [
    (["sh", "-c", "echo went wrong >&2; exit 3"], "3|went wrong"), (["no-such-command-here"], "no-such-command-here"),
    (["sh", "-c", "echo no json"], "body|json|login|output"), (["sh", "-c", "kill -9 $$"], "signal|kill")])
def test_a_command_that_fails_is_the_cause(lab, server, command, cause):
    server.on("/things", Listing(items()))
    one(lab, {"kind": "exec", "command": command, "token": "body:/t", "send": "header:X-Token"})
    lab.run(expect=1).blames(cause, page=None)
    assert server.asked() == []


def test_a_login_body_is_json_whatever_the_secret_holds(lab, server):
    Session(server, Listing(items()))
    one(lab, LOGIN)
    lab.env["SECRET"] = 'a"b\\c{x}ü'
    lab.run()
    assert json.loads(server.asked("/login")[0].body)["password"] == 'a"b\\c{x}ü'


def test_slow_commands_run_beside_each_other_and_hold_up_nobody(lab, server):
    server.on("/things", {"items": items()})
    slow = {"token": {"exec": ["sh", "-c", "sleep 1; echo secret-1"]}}
    lab.has(collection(), accounts=[lab.account(id="quick", credentials={"token": {"plain": "secret-0"}}),
                                    *[lab.account(id=f"slow-{n}", credentials=slow) for n in range(6)]],
            auth={"kind": "bearer", "token": "{credentials.token}"})
    started = time.monotonic()
    lab.run()
    when = {r.header("Authorization"): r.when for r in server.asked("/things")}
    assert time.monotonic() - started < 5
    assert when["Bearer secret-0"] < when["Bearer secret-1"] - 0.5
    assert len(server.asked("/things")) == 7
