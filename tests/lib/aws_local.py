"""Where pods, containers and machines get their keys: ECS and EKS's endpoint, and instance metadata, version 2.

Each is a Server of its own. `keys` is a function that gives what is handed out at each request; `broken` an
Answer that takes the place of all, or a function of the request (None: nothing is wrong).
"""

from aws_services import iso
from server import Answer, Server

TTL_HEADER, TOKEN_HEADER = "X-aws-ec2-metadata-token-ttl-seconds", "X-aws-ec2-metadata-token"
PATH = "/latest/meta-data/iam/security-credentials/"


def document(keys, ends=None):
    return {"AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "Token": keys.token,
            "Expiration": iso(keys.expires) if ends is None else ends}


class Local:
    def __init__(self, keys):
        self.keys, self.broken = keys, None
        self.server = Server()
        self.server.on("*", self._answer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()
        assert not self.server.trouble, f"the test's own script failed: {self.server.trouble}"

    @property
    def url(self):
        return self.server.url

    def _answer(self, request):
        broken = self.broken(request) if callable(self.broken) else self.broken
        return broken or self.answer(request)


class Container(Local):
    """AWS_CONTAINER_CREDENTIALS_FULL_URI; with `token`, only those who bring it are let in."""

    def __init__(self, keys, token=None):
        super().__init__(keys)
        self.token = token

    @property
    def uri(self):
        return self.url + "/v2/credentials?id=1"

    def answer(self, request):
        if request.path != "/v2/credentials":
            return Answer({"code": "NotFound", "message": "no such path"}, 404)
        if self.token is not None and request.header("Authorization") != self.token:
            return Answer({"code": "AccessDeniedException", "message": "Unauthorized"}, 401)
        return Answer({"RoleArn": "arn:aws:iam::123456789012:role/task", **document(self.keys())})


class Metadata(Local):
    """AWS_EC2_METADATA_SERVICE_ENDPOINT. Whoever has no session token is turned away (HttpTokens: required)."""

    def __init__(self, keys, role="machine"):
        super().__init__(keys)
        self.role, self.given = role, set()

    def answer(self, request):
        if request.method == "PUT" and request.path == "/latest/api/token":
            if not 1 <= int(request.header(TTL_HEADER) or 0) <= 21600 or request.header("X-Forwarded-For"):
                return Answer("", 400, type="text/plain")
            self.given.add(f"AQAEA-session-{len(self.given)}==")
            return Answer(sorted(self.given)[-1], type="text/plain")
        if request.header(TOKEN_HEADER) not in self.given:
            return Answer("", 401, type="text/plain")
        if request.path == PATH:
            return Answer(self.role, type="text/plain")
        if request.path == PATH + self.role:
            return Answer({"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": iso(0), **document(self.keys())},
                          type="text/plain")
        return Answer("", 404, type="text/plain")
