"""moto's server, with what AWS has and moto lacks. Run with the tests' virtual environment:

    python tests/lib/moto_server.py        prints "listening on http://127.0.0.1:PORT", serves until SIGTERM

- Pages: moto answers most of EC2's Describe calls with everything at once, whatever MaxResults says.
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
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app  # noqa: E402
from werkzeug.serving import make_server  # noqa: E402

# Where moto ignores MaxResults: the action, and where its answer has the list.
PAGED = {
    "describe_snapshots": "Snapshots", "describe_volumes": "Volumes", "describe_images": "Images",
    "describe_security_groups": "SecurityGroups", "describe_network_interfaces": "NetworkInterfaces",
    "describe_subnets": "Subnets", "describe_vpcs": "Vpcs", "describe_route_tables": "RouteTables",
    "describe_network_acls": "NetworkAcls", "describe_internet_gateways": "InternetGateways",
}


def paged(action, name):
    """That action, in pages: NextToken is the place where the next one begins."""
    def answer(self):
        result = dict(action(self).result)
        found, first, size = list(result[name]), int(self._get_param("NextToken") or 0), self._get_param("MaxResults")
        if name == "Snapshots" and "all" in self._get_param("RestorableByUserIds", []):
            found = [one for one in found if "all" in one.create_volume_permission_groups]
        last = first + int(size or len(found))
        if last < len(found):
            result["NextToken"] = str(last)
        result[name] = found[first:last]
        return ActionResult(result)
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


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for action, name in PAGED.items():
        setattr(EC2Response, action, paged(getattr(EC2Response, action), name))
    IAMRequestBase._create_aws_request = without_body(IAMRequestBase._create_aws_request)
    ManagedPolicy.policy_id = property(lambda self: self.id)
    ManagedPolicy.policy_name = property(lambda self: self.name)
    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True, request_handler=Handler)
    print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
