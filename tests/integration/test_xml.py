"""XML over HTTP: listings as AWS and others write them, and bodies that must not be read.

`Items` is a listing of EC2's kind: a set of items, a token for the next page. What becomes of which element is
tests/unit/test_xml.c's; here it is about listings, changes and deletes.
"""

from urllib.parse import quote

import pytest
from garner import collection
from server import Answer, error
from xml.sax.saxutils import escape

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
XML = {"list_elements": ["item"]}
GUARDLESS = {"guard": "none"}


def tag(name, content):
    """<name>…</name>: of a text, or of other elements (a list of strings)."""
    return f"<{name}>{escape(content) if isinstance(content, str) else ''.join(content)}</{name}>"


def volume(id, state="in-use", tags=(), **more):
    tags = [tag("item", [tag("key", key), tag("value", value)]) for key, value in tags]
    return tag("item", [tag("volumeId", id), tag("state", state), tag("tagSet", tags), *(tag(k, v) for k, v in more.items())])


def response(items, token="", name="volumeSet", namespace=NAMESPACE):
    return (f'<?xml version="1.0" encoding="UTF-8"?>\n<DescribeVolumesResponse xmlns="{namespace}">\n'
            f"    <requestId>59dbff89</requestId>\n    <{name}>\n        {''.join(items)}\n    </{name}>\n"
            f"    {tag('nextToken', token) if token else '<nextToken/>'}\n</DescribeVolumesResponse>\n")


class Items:
    """Pages of three of `self.items`; `self.faults` says which pages are something else."""

    def __init__(self, items):
        self.items, self.faults = items, {}

    def __call__(self, request):
        start = int(request.param("NextToken", "t0")[1:])
        more = start + 3 < len(self.items)
        right = Answer(response(self.items[start:start + 3], f"t{start + 3}" if more else ""), type="text/xml;charset=UTF-8")
        return self.faults.get(start // 3 + 1, right)


def volumes(**over):
    return collection(**{"items": "/volumeSet/*", "id": "/volumeId", "delete": GUARDLESS,
                         "page": {"style": "token", "from": "body:/nextToken", "to": "query:NextToken"}, **over})


def serves(server, *items, **more):
    server.on("/things", Answer(response(items, **more), type="text/xml"))


# --- listings ---

def test_a_listing_by_token_with_its_changes_and_deletes(lab, server):
    items = [volume(f"v{n}", tags=[("Name", f"ü & <{n}>")]) for n in range(7)]
    server.on("/things", Items(items))
    lab.has(volumes(), xml={**XML, "arrays": ["/volumeSet/*/tagSet"]})
    assert lab.run().brief() == [f"created v{n}" for n in range(7)]
    assert [r.param("NextToken") for r in server.asked("/things")] == [None, "t3", "t6"]
    assert lab.document("p.thing", "v3") == {"volumeId": "v3", "state": "in-use",
                                             "tagSet": [{"key": "Name", "value": "ü & <3>"}]}
    assert lab.run().changes() == []
    items[1] = volume("v1", "available")
    del items[4]
    items.append(volume("v9"))
    run = lab.run()
    assert run.brief() == ["created v9", "deleted v4", "updated v1"]
    update, = [e for e in run.changes() if e["op"] == "updated"]
    assert sorted(update["patch"], key=lambda step: step["path"]) == [
        {"op": "replace", "path": "/state", "value": "available"}, {"op": "remove", "path": "/tagSet/0"}]
    items.clear()
    assert len(lab.run().changes()) == 7, "an empty set is an empty listing"
    assert lab.run().changes() == []


@pytest.mark.parametrize("type", ["application/xml", "text/xml; charset=utf-8", "application/atom+xml", None, "text/plain"])
def test_xml_is_known_by_its_type_or_by_itself(lab, server, type):
    server.on("/things", Answer(response([volume("v")]), type=type))
    lab.has(volumes(), xml=XML)
    assert lab.run().brief() == ["created v"]


def test_format_xml_overrules_the_type(lab, server):
    server.on("/things", Answer(response([volume("v")]), type="text/html"))
    lab.has(volumes(), xml=XML)
    lab.run(expect=1).blames("HTML instead of JSON or XML by its Content-Type.*say format: xml")
    lab.has(volumes(format="xml"), xml=XML)
    assert lab.run().brief() == ["created v"]


def test_xml_where_json_is_said_to_be_is_named(lab, server):
    serves(server, volume("v"))
    lab.has(volumes(format="json"))
    lab.run(expect=1).blames("XML instead of JSON")


def test_prefixes_and_namespaces_make_no_difference(lab, server):
    serves(server, volume("v"))
    lab.has(volumes(), xml=XML)
    lab.run()
    body = response([volume("v")], namespace="urn:another")
    server.on("/things", Answer(body.replace("<vol", "<q:vol").replace("</vol", "</q:vol").replace("xmlns=", "xmlns:q="),
                                type="text/xml"))
    assert lab.run().changes() == []


@pytest.mark.parametrize("buckets, ids", [
    ("<Buckets/>", []), ("<Buckets>\n  </Buckets>", []), ("<Buckets><Bucket><Name>a</Name></Bucket></Buckets>", ["a"]),
    ("<Buckets><Bucket><Name>a</Name></Bucket><!-- --><Bucket><Name>b</Name></Bucket></Buckets>", ["a", "b"])])
@pytest.mark.parametrize("arrays", [[], ["/Buckets/Bucket"], ["/Buckets"]])
def test_items_that_are_children_of_one_name(lab, server, buckets, ids, arrays):
    server.on("/things", Answer(f"<ListAllMyBucketsResult><Owner><ID>x</ID></Owner>{buckets}</ListAllMyBucketsResult>",
                                type="application/xml"))
    walk = "/Buckets/*/Bucket/*" if arrays == ["/Buckets"] else "/Buckets/Bucket/*"
    lab.has(collection(items=walk, id="/Name"), xml={"arrays": arrays} if arrays else {})
    assert lab.run().brief() == [f"created {id}" for id in ids]


@pytest.mark.parametrize("body", ["<R><Other/></R>", "<R/>", "<R>\n</R>", "<Error><Code>Busy</Code></Error>", "<R><B><b/></B></R>"])
def test_items_that_are_not_there_are_an_error_and_delete_nothing(lab, server, body):
    """Also where `arrays` names them: it makes no list of what is missing."""
    serves(server, volume("v"))
    lab.has(volumes(), xml={**XML, "arrays": ["/volumeSet", "/B"]})
    lab.run()
    server.on("/things", Answer(body, type="text/xml"))
    run = lab.run(expect=1)
    run.blames("the answer has nothing at `items: /volumeSet/\\*`")
    assert run.changes() == []
    lab.has(volumes(items_optional=True), xml=XML)
    assert lab.run().brief() == ["deleted v"]


def test_items_within_items(lab, server):
    def reservation(*ids):
        return tag("item", [tag("instancesSet", [tag("item", [tag("instanceId", id)]) for id in ids])])
    serves(server, reservation("i1", "i2"), reservation(), reservation("i3"), name="reservationSet")
    lab.has(collection(items="/reservationSet/*/instancesSet/*", id="/instanceId"), xml=XML)
    assert lab.run().brief() == ["created i1", "created i2", "created i3"]


def test_the_root_as_one_item(lab, server):
    server.on("/things", Answer("<VersioningConfiguration xmlns='http://s3.amazonaws.com/doc/2006-03-01/'/>", type="application/xml"))
    lab.has(collection(items="", id="versioning-{account.id}"))
    assert lab.run().changes()[0]["after"] == ""
    server.on("/things", Answer("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>", type="application/xml"))
    assert lab.run().changes()[0]["after"] == {"Status": "Enabled"}


# --- rules for documents ---

TAGS = [("a", "1"), ("b", "2"), ("c", "3")]


def test_the_order_of_unordered_tags_means_nothing(lab, server):
    serves(server, volume("v", tags=TAGS))
    lab.has(volumes(unordered=["/tagSet"]), xml=XML)
    lab.run()
    serves(server, volume("v", tags=TAGS[::-1]))
    assert lab.run().changes() == []
    serves(server, volume("v", tags=TAGS[:2]))
    event, = lab.run().changes()
    assert event["patch"] == [{"op": "remove", "path": "/tagSet/2"}], "as they were stored"


def test_a_single_tag_is_a_list_where_arrays_says_so(lab, server):
    def thing(*tags):
        return tag("item", [tag("volumeId", "v"), tag("Tags", [tag("Tag", [tag("k", t)]) for t in tags])])
    serves(server, thing("a", "b"))
    lab.has(volumes(unordered=["/Tags/Tag"]), xml={**XML, "arrays": ["/volumeSet/*/Tags/Tag"]})
    lab.run()
    serves(server, thing("a"))
    event, = lab.run().changes()
    assert event["after"]["Tags"] == {"Tag": [{"k": "a"}]}
    assert event["patch"] == [{"op": "remove", "path": "/Tags/Tag/1"}]


def test_a_star_walks_what_stands_alone_in_ignore_unordered_and_require(lab, server):
    """Two disks are an array, one is none: the rules hold for both, and `verify` agrees (the lab's fixture)."""
    def thing(disks, state="on"):
        parts = [tag("disk", [tag("load", str(load)), tag("size", "8"), tag("part", "p2"), tag("part", "p1")])
                 for load in disks]
        return tag("item", [tag("volumeId", "v"), tag("state", state), *parts])
    lab.has(volumes(ignore=["/disk/*/load"], unordered=["/disk/*/part"], require=["/disk/*/size"]), xml=XML)
    serves(server, thing([1, 2]))
    assert "load" not in lab.run().changes()[0]["after"]["disk"][1]
    serves(server, thing([3]))
    assert lab.run().changes()[0]["after"]["disk"] == {"size": "8", "part": ["p2", "p1"]}
    lab.verify()
    serves(server, thing([4]).replace("p1", "p0").replace("p2", "p1").replace("p0", "p2"))
    assert lab.run().changes() == [], "load is ignored, and the parts have no order"
    serves(server, thing([5], state="off"))
    assert lab.run().changes()[0]["patch"] == [{"op": "replace", "path": "/state", "value": "off"}]
    serves(server, thing([6]).replace("<size>8</size>", ""))
    lab.run(expect=1).blames("degraded")


def test_json_in_a_text_is_read_and_a_star_walks_what_stands_alone(lab, server):
    """As IAM has policies: percent-encoded, in lists of one or more; within it JSON's lists are walked, and a single map."""
    def thing(*policies):
        return tag("item", [tag("volumeId", "v"), *(tag("policy", [tag("doc", text)]) for text in policies)])
    allow = quote('{"Statement": {"Action": ["b", "a"], "n": 1}}')
    lab.has(volumes(parse=["/policy/*/doc"], unordered=["/policy/*/doc/Statement/*/Action"]), xml=XML)
    serves(server, thing(allow))
    assert lab.run().changes()[0]["after"]["policy"] == {"doc": {"Statement": {"Action": ["b", "a"], "n": 1}}}
    serves(server, thing('{"Statement": {"Action": ["a", "b"], "n": 1}}'))
    assert lab.run().changes() == [], "as it is, or encoded"
    serves(server, thing(quote('{"Statement": {"Action": ["a", "c"], "n": 1}}')))
    event, = lab.run().changes()
    assert all(one["path"].startswith("/policy/doc/Statement/Action/") for one in event["patch"])
    serves(server, thing(allow, "{no", "[]"))
    event, = lab.run().changes()
    assert [one["doc"] for one in event["after"]["policy"]][1:] == ["{no", []]
    lab.verify()


def test_an_edited_rule_is_no_change_of_the_world(lab, server):
    serves(server, volume("v", seen="1"))
    lab.has(volumes(), xml=XML)
    lab.run()
    serves(server, volume("v", seen="2"))
    lab.has(volumes(ignore=["/seen"]), xml=XML)
    assert [e["cause"] for e in lab.run().changes()] in ([], ["definition"])
    assert lab.run().changes() == []


def test_errors_in_xml_have_their_codes(lab, server):
    body = "<?xml version='1.0'?><Error><Code>NoSuchPolicy</Code><Message>none</Message></Error>"
    server.on("/things", Answer(body, status=404, type="application/xml"))
    lab.has(volumes(absent=[{"status": 404, "code": "NoSuchPolicy"}], errors={"code_at": "/Code"}), xml=XML)
    assert lab.run().changes() == []
    server.on("/things", Answer(body.replace("Policy", "Bucket"), status=404, type="image/png"))
    lab.run(expect=1).blames("HTTP 404 NoSuchBucket")


# --- bad input ---

CANARY = "canary-4711-do-not-read"
BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "lol"}">' for n in range(10))


def bad_bodies(canary):
    whole = response([volume("v0"), volume("new"), volume("new2")], "t3").encode()
    root = whole.index(b"<Describe")
    return {
        "an entity bomb": (b"<!DOCTYPE r [" + BOMB.encode() + b"]>\n" + whole[root:].replace(b"in-use", b"&e9;"),
                           "entity declarations are not read .line 1"),
        "an external entity": (b"<?xml version='1.0'?>\n<!DOCTYPE r [<!ENTITY x SYSTEM \"" + canary.as_uri().encode()
                               + b"\">]>" + whole[root:].replace(b"in-use", b"&x;"), "entity declarations are not read .line 2"),
        "an external DTD": (b"<!DOCTYPE r SYSTEM \"" + canary.as_uri().encode() + b"\">" + whole[root:], "entity declarations are not read"),
        "a parameter entity": (b"<!DOCTYPE r [<!ENTITY % x SYSTEM \"" + canary.as_uri().encode() + b"\">%x;]>" + whole[root:],
                               "entity declarations are not read"),
        "an entity nobody declared": (whole.replace(b"in-use", b"&x;"), "XML: line 5, column .*Entity"),
        "another encoding": (whole.replace(b"UTF-8", b"koi8-r"), "encoding is koi8-r"),
        "UTF-16": (whole.decode().replace("UTF-8", "UTF-16").encode("utf-16"), "UTF-16"),
        "UTF-16 without a mark": (whole.decode().encode("utf-16-le"), "UTF-16"),
        "Latin-1 that says UTF-8": (whole.replace(b"in-use", b"in\xe9use"), "XML: line 5: byte .* is no UTF-8"),
        "Latin-1 by itself, UTF-8 by its type": (whole.replace(b"UTF-8", b"ISO-8859-1"), "UTF-8 by its Content-Type, and ISO-8859-1"),
        "a NUL": (whole.replace(b"in-use", b"in\0use"), "NUL"),
        "no end": (whole[:len(whole) // 2], "XML: line 5, column "),
        "nothing but a beginning": (b"<?xml version='1.0'?>", "XML: line 1"),
        "two roots": (whole + whole[root:], "XML: line .*behind its end"),
        "a wrong end": (whole.replace(b"</volumeSet>", b"</volumesSet>"), "XML: line .*mismatch"),
        "too deep": (b"<r>" * 5000, "elements within each other: more than 256"),
        "too many attributes": (b"<r " + b" ".join(b"a%d=''" % n for n in range(100000)) + b"/>", "more than 256 attributes"),
        "HTML": (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "HTML instead of XML: <!DOCTYPE html>"),
        "JSON": (b'{"items": []}', "JSON instead of XML"),
        "nothing": (b"", "empty body instead of XML"),
        "a proxy's text": (b"upstream connect error", "something else instead of XML: upstream connect error"),
    }


@pytest.mark.parametrize("page", [1, 2])
def test_what_can_not_be_read_is_named_and_deletes_nothing(lab, server, tmp_path, page):
    canary = tmp_path / "canary"
    canary.write_text(CANARY)
    items = [volume(f"v{n}") for n in range(6)]
    listing = Items(items)
    server.on("/things", listing)
    lab.has(volumes(), xml=XML, config={"retry_first": "1ms"})
    lab.run()
    for what, (body, cause) in bad_bodies(canary).items():
        listing.faults = {page: Answer(body, type="text/xml; charset=utf-8")}
        run = lab.run(expect=1)
        run.blames(cause, page=page)
        assert run.changes() == [], what
        assert CANARY not in run.err + run.text and len(run.err) < 4000, what
        assert lab.ids() == [f"v{n}" for n in range(6)], what
    assert CANARY not in lab.feed("--from", "oldest").text
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in lab.data.rglob("*.mdb"))
    listing.faults = {page: Answer(b"<Error/>", status=410, type="text/xml")}  # where it was stopped, it can't go on
    lab.run(expect=1)
    listing.faults = {}
    assert lab.run().changes() == []


def test_a_cut_error_says_no_more_than_its_status(lab, server):
    server.on("/things", Answer(b"<!DOCTYPE Error [" + BOMB.encode() + b"]><Error><Code>&e9;</Code></Error>", status=403, type="text/xml"))
    lab.has(volumes(errors={"code_at": "/Code"}), xml=XML)
    lab.run(expect=1).blames("HTTP 403")
    server.on("/things", error(403, "Denied"))
    lab.run(expect=1).blames("HTTP 403")
