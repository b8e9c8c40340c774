"""A small AWS on a `Server`: it checks every signature, and fails as AWS does.

A signature is checked by botocore's own signer, made anew from the bytes that arrived. What there is to list
are plain Python lists (aws_services.py), which a test changes as it likes; whoever may list them is here.

    aws = Aws(server)
    alice = aws.user("alice")                               # keys of account MAIN
    aws.at("eu-west-1").snapshots.append({"snapshotId": "snap-1"})
    aws.fails("throttled", operation="DescribeSnapshots", times=2)
    ...                                                     # ask server.url with alice.id and alice.secret
    assert aws.called("DescribeSnapshots")[0].verdict == "throttled"
"""

import datetime
import hashlib
import json
import re
import secrets
import threading
import time
from email.utils import formatdate
from urllib.parse import parse_qsl, quote, unquote_to_bytes
from xml.sax.saxutils import escape

from server import Answer

try:
    from botocore.auth import S3SigV4Auth, SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
except ImportError as trouble:
    raise ImportError("these tests need botocore: deploy/venv.sh makes an environment that has it") from trouble

MAIN = "123456789012"
OTHER = "222222222222"
STAMP = "%Y%m%dT%H%M%SZ"
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request, ?"
                           r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})")

# What is wrong, by protocol: status, code, message. "*" is for all others.
NOT_VALID = "The security token included in the request is invalid"
NO_MATCH = ("The request signature we calculated does not match the signature you provided. Check your AWS Secret "
            "Access Key and signing method.")
ERRORS = {
    "unsigned": {"ec2": (401, "AuthFailure", "Missing Authentication Token"),
                 "s3": (403, "AccessDenied", "Access Denied"),
                 "*": (403, "MissingAuthenticationToken", "Request is missing Authentication Token")},
    "wrong secret": {"ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
                     "json": (400, "InvalidSignatureException", NO_MATCH),
                     "rest-json": (403, "InvalidSignatureException", NO_MATCH),
                     "*": (403, "SignatureDoesNotMatch", NO_MATCH)},
    "unknown key": {"ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
                    "json": (400, "UnrecognizedClientException", NOT_VALID),
                    "rest-json": (403, "UnrecognizedClientException", NOT_VALID),
                    "s3": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
                    "*": (403, "InvalidClientTokenId", NOT_VALID)},
    "expired": {"ec2": (400, "RequestExpired", "Request has expired."),
                "json": (400, "ExpiredTokenException", "The security token included in the request is expired"),
                "rest-json": (403, "ExpiredTokenException", "The security token included in the request is expired"),
                "s3": (400, "ExpiredToken", "The provided token has expired."),
                "*": (403, "ExpiredToken", "The security token included in the request is expired")},
    "skewed": {"ec2": (400, "RequestExpired", "Request has expired."),
               "json": (400, "InvalidSignatureException", ""), "rest-json": (403, "InvalidSignatureException", ""),
               "s3": (403, "RequestTimeTooSkewed",
                      "The difference between the request time and the current time is too large."),
               "*": (403, "SignatureDoesNotMatch", "")},
    "wrong scope": {"s3": (400, "AuthorizationHeaderMalformed", "The authorization header is malformed"),
                    "json": (400, "InvalidSignatureException", "Credential should be scoped to a valid region."),
                    "*": (403, "SignatureDoesNotMatch", "Credential should be scoped to a valid region.")},
    "denied": {"ec2": (403, "UnauthorizedOperation", "You are not authorized to perform this operation."),
               "json": (400, "AccessDeniedException", ""), "rest-json": (403, "AccessDeniedException", ""),
               "*": (403, "AccessDenied", "")},
    "throttled": {"ec2": (400, "RequestLimitExceeded", "Request limit exceeded."),
                  "json": (400, "ThrottlingException", "Rate exceeded"),
                  "rest-json": (429, "TooManyRequestsException", "Rate exceeded"),
                  "s3": (503, "SlowDown", "Please reduce your request rate."),
                  "*": (400, "Throttling", "Rate exceeded")},
    "switched off": {"ec2": (401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
                     "json": (400, "UnrecognizedClientException", NOT_VALID + "."),
                     "rest-json": (403, "UnrecognizedClientException", NOT_VALID + "."),
                     "s3": (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
                     "*": (403, "InvalidClientTokenId", NOT_VALID)},
    "not subscribed": {"*": (403, "OptInRequired", "You are not subscribed to this service.")},
    "broken": {"ec2": (500, "InternalError", "An internal error has occurred"),
               "*": (500, "InternalFailure", "We encountered an internal error. Please try again.")},
}


class Refused(Exception):
    """An answer that is an error. `kind` is one of ERRORS, else `status` and `code` say what it is."""

    def __init__(self, kind, message=None, status=None, code=None, headers=(), more=None):
        super().__init__(kind)
        self.kind, self.message, self.status, self.code = kind, message, status, code
        self.headers, self.more = dict(headers), more or {}


class Keys:
    """Keys of an identity; temporary ones have a token and an end by the server's clock."""

    def __init__(self, id, secret, token, account, arn, role=None, expires=None):
        self.id, self.secret, self.token, self.account, self.arn = id, secret, token, account, arn
        self.role, self.expires = role, expires

    def environment(self):
        made = {"AWS_ACCESS_KEY_ID": self.id, "AWS_SECRET_ACCESS_KEY": self.secret}
        return {**made, "AWS_SESSION_TOKEN": self.token} if self.token else made

    def profile(self):
        made = f"aws_access_key_id = {self.id}\naws_secret_access_key = {self.secret}\n"
        return made + (f"aws_session_token = {self.token}\n" if self.token else "")

    def __repr__(self):
        return f"<keys {self.id} of {self.arn}>"


class Role:
    """`trusts`: ARNs of users and roles; "*" trusts anybody. `lives`: seconds of what it hands out."""

    def __init__(self, arn, trusts, external_id=None, lives=3600):
        self.arn, self.trusts, self.external_id, self.lives = arn, set(trusts), external_id, lives
        self.account = arn.split(":")[4]
        self.name = arn.split("/")[-1]


class Call:
    """A request with what was made of it. `verdict` is "ok" or the kind of refusal."""

    def __init__(self, request):
        self.request, self.keys = request, None
        self.key_id = self.region = self.service = self.operation = self.protocol = None
        self.verdict, self.status, self.params, self.signed = "ok", None, {}, ()

    def __repr__(self):
        return f"<{self.service} {self.operation} {self.region} {self.key_id}: {self.verdict}>"


class Fault:
    def __init__(self, what, times, match):
        self.what, self.left, self.match = what, times, match

    def fits(self, call):
        return self.left != 0 and all(getattr(call, name) == value for name, value in self.match.items())


class Aws:
    def __init__(self, server=None):
        from aws_services import World, operation_of  # it needs what is above
        self.world, self._operation_of = World(self), operation_of
        self.ahead_s = 0            # of the server's clock, seconds ahead of ours
        self.date_ahead_s = None    # of its Date headers, if they lie
        self.off = set()            # regions that the account has not switched on
        self.keys, self.roles, self.web_tokens, self.hidden = {}, {}, {}, set()
        self.calls, self.faults = [], []
        self._lock = threading.RLock()
        self._made = 0
        self.url = None
        if server:
            self.url = server.url
            server.on("*", self.answer)

    # --- who there is ---

    def now(self):
        return time.time() + self.ahead_s

    def at(self, region="us-east-1", account=MAIN):
        """What is in a region: lists that a test may change."""
        return self.world.at(region, account)

    def account(self, account=MAIN):
        return self.world.account(account)

    def secret(self, *texts):
        """Texts that must never show."""
        self.hidden |= set(texts)
        return texts[0]

    def _mint(self, account, arn, role=None, lives=None):
        with self._lock:
            self._made += 1
            number = self._made
        temporary = lives is not None
        id = f"{'ASIA' if temporary else 'AKIA'}TEST{number:012d}"
        secret = self.secret(secrets.token_hex(13) + "/+s3cr3t+/" + f"{number:04d}")
        token = self.secret("FwoGZXIvYXdz//t0k3n+" + secrets.token_hex(40) + f"{number}==") if temporary else None
        keys = Keys(id, secret, token, account, arn, role, self.now() + lives if temporary else None)
        with self._lock:
            self.keys[id] = keys
        return keys

    def user(self, name="alice", account=MAIN):
        return self._mint(account, f"arn:aws:iam::{account}:user/{name}")

    def session(self, lives=3600, arn=None, account=MAIN, role=None, name="session"):
        """Temporary keys, as of a role, a pod or a machine."""
        return self._mint(account, arn or f"arn:aws:sts::{account}:assumed-role/{name}/i-1", role, lives)

    def role(self, name="reader", account=MAIN, trusts=("*",), external_id=None, lives=3600):
        role = Role(f"arn:aws:iam::{account}:role/{name}", [getattr(who, "arn", who) for who in trusts], external_id, lives)
        self.roles[role.arn] = role
        return role

    def assume(self, role, session_name, lives=None):
        arn = f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{session_name}"
        return self._mint(role.account, arn, role.arn, role.lives if lives is None else lives)

    def web_token(self, role, text=None):
        """A pod's token that may become that role."""
        token = self.secret(text or "eyJhbGciOi.w3bt0k3n" + secrets.token_hex(16) + ".sig_-")
        self.web_tokens[token] = role.arn
        return token

    # --- what goes wrong ---

    def fails(self, what, times=-1, **match):
        """`what` is a kind of ERRORS, an Answer or a function of the call (None: nothing is wrong), for calls
        whose attributes are as `match` says (operation=, service=, region=, key_id=, …), so many times."""
        with self._lock:
            self.faults.append(Fault(what, times, match))

    def heals(self):
        with self._lock:
            self.faults.clear()

    def called(self, operation=None, **match):
        with self._lock:
            return [call for call in self.calls if operation in (None, call.operation)
                    and all(getattr(call, name) == value for name, value in match.items())]

    def forget(self):
        with self._lock:
            self.calls.clear()

    # --- answering ---

    def answer(self, request):
        call = Call(request)
        try:
            self._identify(call)
            answer = self._fault(call) or self._do(call)
        except Refused as refused:
            call.verdict = refused.kind
            answer = render(call, refused, self.now())
        call.status = answer.status
        answer.headers.append(("x-amzn-RequestId", f"request-{len(self.calls) + 1}"))
        if not any(name == "Date" for name, _ in answer.headers):
            ahead_s = self.ahead_s if self.date_ahead_s is None else self.date_ahead_s
            answer.headers.append(("Date", formatdate(time.time() + ahead_s, usegmt=True)))
        with self._lock:
            self.calls.append(call)
        return answer

    def _identify(self, call):
        parsed = AUTHORIZATION.fullmatch(call.request.header("Authorization") or "")
        if parsed:
            call.key_id, _, call.region, call.service = parsed.groups()[:4]
        call.protocol, call.operation, call.params = self._operation_of(call)
        if call.operation == "AssumeRoleWithWebIdentity":
            return  # the token says who it is
        if not parsed:
            raise Refused("unsigned")
        if call.region in self.off:
            raise Refused("switched off")
        self._check(call, parsed)

    def _check(self, call, parsed):
        """In the order in which AWS does: who, until when, at what time, and at last whether it is true."""
        request, keys = call.request, self.keys.get(call.key_id)
        if not keys or (request.header("X-Amz-Security-Token") or "") != (keys.token or ""):
            raise Refused("unknown key")
        call.keys, call.signed = keys, tuple(parsed[5].split(";"))
        self._check_time(call, request.header("X-Amz-Date") or "", parsed[2])
        if keys.expires is not None and self.now() >= keys.expires:
            raise Refused("expired")
        check_form(call)
        if signature_of(request, keys, call) != parsed[6]:
            raise Refused("wrong secret")
        self.world.check_scope(call)

    def _check_time(self, call, date, day):
        try:
            when = datetime.datetime.strptime(date, STAMP).replace(tzinfo=datetime.timezone.utc).timestamp()
        except ValueError:
            raise Refused("wrong secret", f"'{date}' is no X-Amz-Date") from None
        if date[:8] != day:
            raise Refused("wrong secret", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date")
        most_s = 900 if call.service == "s3" else 300
        late_s, now = self.now() - when, stamp(self.now())
        if abs(late_s) <= most_s:
            return
        if call.protocol == "ec2" and late_s < 0:
            raise Refused("skewed", ERRORS["wrong secret"]["ec2"][2], status=401, code="AuthFailure")
        if call.protocol in ("ec2", "s3"):
            raise Refused("skewed", more={"RequestTime": date, "ServerTime": now, "MaxAllowedSkewMilliseconds": "900000"})
        raise Refused("skewed", f"Signature expired: {date} is now earlier than {stamp(self.now() - 300)} ({now} - 5 min.)"
                      if late_s > 0 else
                      f"Signature not yet current: {date} is still later than {stamp(self.now() + 300)} ({now} + 5 min.)")

    def _fault(self, call):
        with self._lock:
            for fault in self.faults:
                if fault.fits(call):
                    made = fault.what(call) if callable(fault.what) else fault.what
                    if made is not None:
                        fault.left -= 1
                        break
            else:
                return None
        if isinstance(made, Answer):
            call.verdict = "fault"
            return made
        raise made if isinstance(made, Refused) else Refused(made)

    def _do(self, call):
        made = self.world.do(call)
        if isinstance(made, Answer):
            return made
        if call.protocol in ("json", "rest-json"):
            return Answer(made, type="application/x-amz-json-1.0" if call.protocol == "json" else "application/json")
        return Answer('<?xml version="1.0" encoding="UTF-8"?>\n' + made, type="text/xml;charset=UTF-8")


# --- signatures ---

def stamp(seconds):
    return time.strftime(STAMP, time.gmtime(seconds))


def signature_of(request, keys, call):
    """What botocore makes of the request as it arrived."""
    signer = (S3SigV4Auth if call.service == "s3" else SigV4Auth)(
        Credentials(keys.id, keys.secret, keys.token), call.service, call.region)
    made = AWSRequest(request.method, f"http://{request.header('Host')}{request.target}", data=request.body)
    for name, value in request.headers:
        if name.lower() in call.signed:
            made.headers.add_header(name, value.encode("latin-1").decode())
    made.context["timestamp"] = request.header("X-Amz-Date")
    return signer.signature(signer.string_to_sign(made, signer.canonical_request(made)), made)


def check_form(call):
    """What botocore takes as it comes, AWS makes itself out of what it read: so it has to come in AWS's form."""
    request = call.request
    path, _, query = request.target.partition("?")

    def is_canonical(text, safe):
        return quote(unquote_to_bytes(text), safe=safe) == text
    # S3 reads "%2F" as a slash; to others it is part of a name.
    parts = [path] if call.service == "s3" else path.split("/")
    if not all(is_canonical(part, "/-_.~" if call.service == "s3" else "-_.~") for part in parts):
        raise Refused("wrong secret", f"The path {path!r} isn't encoded as AWS does it")
    for pair in query.split("&") if query else []:
        name, _, value = pair.partition("=")
        if not is_canonical(name, "-_.~") or not is_canonical(value, "-_.~"):
            raise Refused("wrong secret", f"The query's {pair!r} isn't encoded as AWS does it")
    must = {name.lower() for name, _ in request.headers if name.lower().startswith("x-amz-")} | {"host"}
    must |= {"content-type"} & {name.lower() for name, _ in request.headers}
    if not must <= set(call.signed):
        raise Refused("wrong secret", f"not signed: {sorted(must - set(call.signed))}")
    digest = request.header("X-Amz-Content-Sha256")
    if (digest or call.service == "s3") and digest != hashlib.sha256(request.body).hexdigest():
        raise Refused("wrong secret", "The provided 'x-amz-content-sha256' header does not match what was computed")


# --- how it is said ---

def xml(name, value, list_name="item"):
    """An element of dicts, lists and texts."""
    if isinstance(value, dict):
        text = "".join(xml(key, below, list_name) for key, below in value.items())
    elif isinstance(value, list):
        text = "".join(xml(list_name, below, list_name) for below in value)
    else:
        text = escape(str(value))
    return f"<{name}>{text}</{name}>"


def operation_denied(call):
    action = "s3" if call.protocol == "s3" else call.service
    return (f"User: {call.keys.arn if call.keys else 'anonymous'} is not authorized to perform: {action}:{call.operation} "
            "because no identity-based policy allows it")


def render(call, refused, now):
    """The error as the service's protocol has it."""
    protocol = call.protocol or "query"
    kind = ERRORS.get(refused.kind, {})
    status, code, message = kind.get(protocol) or kind.get("*") or (400, refused.kind, "")
    status, code = refused.status or status, refused.code or code
    message = refused.message if refused.message is not None else message
    if refused.kind == "denied" and not refused.message:
        message = f"{message} {operation_denied(call)}".strip()
    if protocol == "json":
        body = {"__type": f"com.amazon.coral.service#{code}", "message": message}
        return Answer(body, status, refused.headers, type="application/x-amz-json-1.0")
    if protocol == "rest-json":
        name = f"{code}:http://internal.amazon.com/coral/com.amazon.coral.service/"
        return Answer({"Message": message, "Type": "User"}, status, {"x-amzn-ErrorType": name, **refused.headers})
    error = {"Code": code, "Message": message, **refused.more}
    if protocol == "ec2":
        text = xml("Response", {"Errors": {"Error": error}, "RequestID": "request"})
    elif protocol == "s3":
        text = xml("Error", {**error, "RequestId": "request", "HostId": "host"})
    else:
        text = xml("ErrorResponse", {"Error": {"Type": "Sender", **error}, "RequestId": "request"})
        text = text.replace("<ErrorResponse>", '<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">')
    return Answer('<?xml version="1.0" encoding="UTF-8"?>\n' + text, status, refused.headers, type="application/xml")


def form_of(request):
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def json_of(request):
    return json.loads(request.body or b"{}")
