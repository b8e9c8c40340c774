"""What must hold between a collection of aws.yaml and botocore's model of the operation it asks.

Each check takes a Collection and yields a sentence for each mistake."""

import re

from botocore.retries.standard import ThrottledRetryableChecker

import wire
from aws_file import PARTITIONS, PLACEHOLDER, Mistake, collections, expand, plain_id
from checks_parse import parse_names_texts, texts_of_json_are_parsed
from checks_xml import (arrays_are_used, list_elements_are_used, lists_are_named, nothing_else_becomes_a_list,
                        unordered_lists_are_lists)

# IAM's names of what an operation needs, where it isn't SERVICE:OPERATION.
PREFIXES = {"elbv2": "elasticloadbalancing", "s3control": "s3"}
ACTIONS = {
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3control:GetPublicAccessBlock": "s3:GetAccountPublicAccessBlock",
    "apigateway:GetRestApis": "apigateway:GET",
    "apigateway:GetStages": "apigateway:GET",
}

# Errors that AWS answers with, though its model of the operation doesn't say so.
KNOWN_ERRORS = {
    ("s3", "NoSuchBucketPolicy", 404), ("s3", "NoSuchBucket", 404), ("s3", "NoSuchPublicAccessBlockConfiguration", 404),
    ("s3", "ServerSideEncryptionConfigurationNotFoundError", 404),
    ("s3control", "NoSuchPublicAccessBlockConfiguration", 404),
}


def operation_is_known(c):
    try:
        c.operation
    except Mistake as mistake:
        yield str(mistake)


def version_is_right(c):
    version = c.service.metadata["apiVersion"]
    if c.protocol in ("ec2", "query") and c.request["form"].get("Version") != version:
        yield f"Version is {c.request['form'].get('Version')!r}, the service's is {version!r}"


def target_is_right(c):
    if c.protocol != "json":
        return
    headers, meta = c.request.get("headers", {}), c.service.metadata
    target = f"{meta['targetPrefix']}.{c.operation.name}"
    kind = f"application/x-amz-json-{meta['jsonVersion']}"
    if headers.get("X-Amz-Target") != target:
        yield f"X-Amz-Target is {headers.get('X-Amz-Target')!r}, not {target!r}"
    if headers.get("Content-Type") != kind:
        yield f"Content-Type is {headers.get('Content-Type')!r}, not {kind!r}"
    if c.request.get("method") != "POST" or "body" not in c.request:
        yield "it is asked by POST with a body, which may be {}"


def format_is_right(c):
    answer = c.answer
    own = "xml" if answer is not None and answer.xml and answer.kind != "text" else "json"
    if c.format != own:
        yield f"format is {c.format}, the answer is {own}"


def auth_is_right(c):
    meta = c.service.metadata
    signing = meta.get("signingName", meta["endpointPrefix"])
    if c.auth["kind"] != "aws_sigv4":
        yield f"auth is of kind {c.auth['kind']}"
    if c.auth["service"] != signing:
        yield f"it is signed for service {c.auth['service']!r}, not {signing!r}"
    if c.service_id != plain_id(meta["serviceId"]):
        yield f"auth's id is {c.service_id}, the service's is {plain_id(meta['serviceId'])}"


def url_is_right(c):
    """In each partition the host is the one that botocore asks, and the region the one it signs for."""
    meta, resolver = c.service.metadata, wire.resolver()
    for region, own in PARTITIONS.items():
        vars = {**c.file["vars"], **own}
        anywhere = c.is_regional or "region_from" in c.auth
        asked = region if anywhere else vars["home"]
        found = resolver.construct_endpoint(meta["endpointPrefix"], asked)
        host = found["hostname"]
        if c.type == "aws.s3control.public_access_block":
            host = "{parent.id}." + host
        wanted = found.get("credentialScope", {}).get("region", asked)
        parts = expand(c.request["url"], asked, vars).split("/")
        if parts[0] != "https:" or parts[2] != host:
            yield f"in {region} {parts[0]}//{parts[2]} is asked, not https://{host}"
        signed = expand(c.auth.get("region", "{region}"), asked, vars,
                        {"parent:/BucketRegion": asked} if anywhere else {})
        if signed != wanted:
            yield f"in {region} it is signed for {signed}, not {wanted}"


# --- what is asked ---

def fields(c):
    """Everything that a request says: where, name, value. Of a body its top level."""
    for where, key in (("query", "query"), ("header", "headers"), ("form", "form"), ("body", "body")):
        for name, value in (c.request.get(key) or {}).items():
            yield where, name, value


def own_fields(c):
    """… without what belongs to the protocol, not the operation."""
    protocols = {"form": {"Action", "Version"}, "header": {"Content-Type", "X-Amz-Target", "Accept"}}
    sub = {part.partition("=")[0] for part in c.operation.http["requestUri"].partition("?")[2].split("&")}
    for where, name, value in fields(c):
        if name not in protocols.get(where, ()) and not (where == "query" and name in sub and value == ""):
            yield where, name, value


def wrong_value(shape, value, name):
    """Why a value can't be given for a shape; None if it can."""
    if shape.type_name == "list":
        if not isinstance(value, list):
            return f"{name} is no list"
        return next(filter(None, (wrong_value(shape.member, one, name) for one in value)), None)
    if shape.type_name == "string":
        enum = getattr(shape, "enum", [])
        if not isinstance(value, str):
            return f"{name} is no text"
        if enum and value not in enum and "{" not in value:
            return f"{name} can't be {value!r}: one of {', '.join(enum)}"
    if shape.type_name == "boolean" and value not in (True, False, "true", "false"):
        return f"{name} is neither true nor false"
    return None


def parameters_are_known(c):
    given = set()
    for where, name, value in own_fields(c):
        param = wire.param(c.operation, where, name)
        if param is None:
            yield f"{c.operation.name} has no parameter {where}:{name}"
            continue
        given.add(param.member)
        why = wrong_value(param.shape.member if param.many else param.shape, value, name)
        if why:
            yield why
    in_path = {param.member for param in wire.params(c.operation) if param.where == "uri"}
    needed = set(c.operation.input_shape.required_members if c.operation.input_shape else ())
    for name in sorted(needed - given - in_path):
        yield f"{c.operation.name} needs the parameter {name}"


# --- what is answered ---

def answer_has(c, node, pointer, key, kinds):
    found = wire.lead(node, pointer)
    if found is None:
        yield f"{key} {pointer!r}: the answer of {c.operation.name} has no such place"
    elif found.kind not in kinds:
        yield f"{key} {pointer!r} is of kind {found.kind}, not {' or '.join(kinds)}"


def items_are_there(c):
    if c.items == "":
        if c.answer is None:
            yield f"{c.operation.name} answers without a document"
    elif c.item is None:
        yield f"items {c.items!r}: the answer of {c.operation.name} has no such list"


def pointers_lead_somewhere(c):
    node = c.item
    if node is None or c.operation.name == "GetBucketPolicy":
        return  # a policy's own language is in no model
    ids = [c.id] if isinstance(c.id, str) else c.id
    for pointer in ids:
        if pointer == "" or pointer.startswith("/"):
            yield from answer_has(c, node, pointer, "id", ("text",))
    for key in ("require", "ignore"):
        for pointer in c.spec.get(key, ()):
            if c.is_parsed(pointer):
                continue
            yield from answer_has(c, node, pointer, key, ("text", "list", "object", "map"))
    for pointer in c.spec.get("unordered", ()):
        if not c.is_parsed(pointer):
            yield from answer_has(c, node, pointer, "unordered", ("list",))
    for text in ids:
        for name in item_pointers(text, "item"):
            yield from answer_has(c, node, name, "id", ("text",))


def item_pointers(text, kind):
    for inner in PLACEHOLDER.findall(text) if isinstance(text, str) else ():
        for name in inner.lstrip("+").split("|"):
            if name.startswith(kind + ":"):
                yield name.partition(":")[2]


def parents_have_what_is_asked(c):
    texts = [c.request["url"], c.auth.get("region", "")] + [str(value) for _, _, value in fields(c)]
    for text in texts:
        for pointer in item_pointers(text, "parent"):
            if wire.lead(c.parent.item, pointer) is None:
                yield f"{{parent:{pointer}}}: the document of {c.parent} has no such place"


# --- pages ---

def page_parts(c):
    page = c.page or {}
    return page.get("parts", [page] if page else [])


def split(place):
    """"form:NAME" or "body:/NAME" as where and name."""
    where, _, name = place.partition(":")
    return where, name.lstrip("/") if where == "body" else name


def wire_path(op, member):
    """Where in the answer's document a member is."""
    shape = op.output_shape
    name = wire.wire_name(shape.members[member], member, wire.protocol_of(op.service_model))
    wrapper = shape.serialization.get("resultWrapper")
    return f"body:/{wrapper}/{name}" if wrapper else f"body:/{name}"


def as_list(value):
    return value if isinstance(value, list) else [value]


def paging_is_right(c):
    op = c.operation
    paginator = wire.paginators(c.service_name).get(op.name)
    if paginator is None:
        yield from unpaged(c)
        return
    if not c.page:
        yield f"{op.name} answers in pages, and there is no `page`"
        return
    wanted = {wire_path(op, out): wire.param_of(op, member) for out, member in
              zip(as_list(paginator["output_token"]), as_list(paginator["input_token"]))}
    given = {part["from"]: split(part["to"]) for part in page_parts(c)}
    for source, param in wanted.items():
        if given.get(source) != (param.where, param.name):
            yield f"the next page's {param.where}:{param.name} comes from {source}, not as `page` says: {given}"
    if len(given) != len(wanted):
        yield f"`page` has {len(given)} parts, {op.name} has {len(wanted)}"
    more = wire_path(op, paginator["more_results"]) if "more_results" in paginator else None
    if c.page.get("more") != more:
        yield f"`more` is {c.page.get('more')}, not {more}"
    yield from size_is_right(c, paginator)


def size_is_right(c, paginator):
    size, limit = c.page.get("size"), paginator.get("limit_key")
    if not limit or not size:
        if limit or size:
            yield f"`size` is {size}, the operation's page size is {limit}"
        return
    param = wire.param_of(c.operation, limit)
    if split(size["to"]) != (param.where, param.name):
        yield f"the page size goes to {size['to']}, not to {param.where}:{param.name}"
    bounds = param.shape.metadata
    if size["max"] > bounds.get("max", size["max"]):
        yield f"a page of {size['max']} is asked for, {param.name} is {bounds['max']} at most"
    if size.get("min", 1) < bounds.get("min", 1):
        yield f"pages may shrink to {size.get('min', 1)}, {param.name} is {bounds['min']} at least"


def unpaged(c):
    """An operation without a paginator has no pages, unless its shapes say so."""
    if c.page:
        yield f"{c.operation.name} doesn't answer in pages"
    token = re.compile(r"^(next)?(token|marker|position)$|^IsTruncated$", re.IGNORECASE)
    for name in c.operation.output_shape.members if c.operation.output_shape else ():
        if token.match(name):
            yield f"{c.operation.name} has a {name}, and `page` doesn't follow it"


# --- permissions and errors ---

def permissions_are_right(c):
    name = f"{c.service_name}:{c.operation.name}"
    prefix = PREFIXES.get(c.service_name, c.service_name)
    wanted = ACTIONS.get(name, f"{prefix}:{c.operation.name}")
    if c.permissions != [wanted]:
        yield f"permissions are {c.permissions}, {c.operation.name} needs [{wanted}]"


def absences_are_known(c):
    errors = {}
    for shape in c.operation.error_shapes:
        error = shape.metadata.get("error", {})
        errors[shape.name] = errors[error.get("code", shape.name)] = error.get("httpStatusCode", 400)
    for absent in c.spec.get("absent", ()):
        code, status = absent.get("code"), absent["status"]
        if code is None:
            yield "`absent` without a code would take any error for an empty list"
        elif (c.service_name, code, status) not in KNOWN_ERRORS and errors.get(code) != status:
            yield f"absent: {c.operation.name} doesn't answer {status} {code}; its errors are {errors}"


CHECKS = [operation_is_known, version_is_right, target_is_right, format_is_right, auth_is_right, url_is_right,
          parameters_are_known, items_are_there, pointers_lead_somewhere, parents_have_what_is_asked, paging_is_right,
          lists_are_named, nothing_else_becomes_a_list, unordered_lists_are_lists, permissions_are_right,
          absences_are_known, parse_names_texts, texts_of_json_are_parsed]


# --- of the whole file ---

def throttling_is_known(file):
    for code in ThrottledRetryableChecker._THROTTLED_ERROR_CODES:
        if code not in file["errors"]["throttled"]:
            yield f"errors.throttled lacks {code}"


WHOLE = [arrays_are_used, list_elements_are_used, throttling_is_known]


def mistakes(file):
    """All that is wrong with a file, as pairs of a check and its sentence. Where an operation isn't known, or items
    aren't found, there is no more to say."""
    for check in WHOLE:
        yield from ((check, sentence) for sentence in check(file))
    for c in collections(file):
        for check in CHECKS:
            found = [(check, f"{c}: {sentence}") for sentence in check(c)]
            yield from found
            if found and check in (operation_is_known, items_are_there):
                break
