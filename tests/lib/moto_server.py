"""moto's server, with what AWS has and moto lacks. Run with the tests' virtual environment:

    python tests/lib/moto_server.py [HOST]     prints "listening on http://127.0.0.1:PORT", serves until SIGTERM

- Pages: moto answers most of EC2's Describe calls, and GetAccountAuthorizationDetails, with everything at once, whatever
  MaxResults or MaxItems says; of buckets it gives max-buckets, and no token for the rest.
- RestorableByUserIds: moto lists all snapshots, whoever may restore them.
- Signatures of a GET: moto takes query or headers for its body, and finds them wrong, boto3's too.
- PolicyId and PolicyName of policies in GetAccountAuthorizationDetails.

The thousand images that moto has by default, and their snapshots, are left out.
"""

import os
import signal
import sys

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"  # read when moto is imported

from moto.core.responses import ActionResult  # noqa: E402
from moto.ec2.responses import EC2Response  # noqa: E402
from moto.iam.access_control import IAMRequestBase  # noqa: E402
from moto.iam.models import ManagedPolicy  # noqa: E402
from moto.iam.responses import IamResponse  # noqa: E402
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: E402
from moto.s3.responses import S3Response  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

# Where moto ignores MaxResults: the action, and where its answer has the list.
PAGED = {
    "describe_snapshots": "Snapshots", "describe_volumes": "Volumes", "describe_images": "Images",
    "describe_security_groups": "SecurityGroups", "describe_network_interfaces": "NetworkInterfaces",
    "describe_subnets": "Subnets", "describe_vpcs": "Vpcs", "describe_route_tables": "RouteTables",
    "describe_network_acls": "NetworkAcls", "describe_internet_gateways": "InternetGateways",
}


def cut(result, names, first, size, token):
    """One page of the lists `names` together: `size` from the place `first` on. True if that wasn't all, and then `token`
    is the place where the next one begins."""
    begin, first = 0, int(first or 0)
    last = first + int(size or sys.maxsize)
    for name in names:
        found = list(result[name])
        result[name] = found[max(first - begin, 0): max(last - begin, 0)]
        begin += len(found)
    if last < begin:
        result[token] = str(last)
    return last < begin


def paged(action, name):
    """That action of EC2, in pages."""
    def answer(self):
        result = dict(action(self).result)
        if name == "Snapshots" and "all" in self._get_param("RestorableByUserIds", []):
            result[name] = [one for one in result[name] if "all" in one.create_volume_permission_groups]
        cut(result, [name], self._get_param("NextToken"), self._get_param("MaxResults"), "NextToken")
        return ActionResult(result)
    return answer


def paged_details(action):
    """GetAccountAuthorizationDetails, in pages."""
    def answer(self):
        result = dict(action(self).result)
        lists = ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"]
        result["IsTruncated"] = cut(result, lists, self._get_param("Marker"), self._get_param("MaxItems"), "Marker")
        return ActionResult(result)
    return answer


def paged_buckets(action):
    """ListBuckets, in pages."""
    def answer(self):
        def serialized(made):
            if isinstance(made.result, dict):  # no error
                cut(made.result, ["Buckets"], self._get_param("continuation-token"), size, "ContinuationToken")
            return type(self).serialized(self, made)
        size = self._get_param("max-buckets")
        self.querystring.pop("max-buckets", None)
        self.serialized = serialized
        return action(self)
    return answer


def without_body(make):
    """What a GET's signature is checked on."""
    def answer(self):
        data = self._data
        self._data = {} if self._method == "GET" else data
        try:
            return make(self)
        finally:
            self._data = data
    return answer


class Handler(MotoRequestHandler):
    def log_request(self, code="-", size="-"):
        print(self.command, self.path[:200], code, flush=True)


def main(host="127.0.0.1"):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for action, name in PAGED.items():
        setattr(EC2Response, action, paged(getattr(EC2Response, action), name))
    IamResponse.get_account_authorization_details = paged_details(IamResponse.get_account_authorization_details)
    S3Response.all_buckets = paged_buckets(S3Response.all_buckets)
    IAMRequestBase._create_aws_request = without_body(IAMRequestBase._create_aws_request)
    ManagedPolicy.policy_id = property(lambda self: self.id)
    ManagedPolicy.policy_name = property(lambda self: self.name)
    server = make_server(host, 0, DomainDispatcherApplication(create_backend_app), threaded=True, request_handler=Handler)
    print(f"listening on http://{host}:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
