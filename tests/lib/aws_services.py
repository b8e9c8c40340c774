"""What the small AWS has to list: EC2, STS, IAM, S3, Route 53, Lambda, DynamoDB, and any JSON 1.1 service.

`World.at(region)` and `World.account(id)` give the lists; items are dicts in the words of the service's own
answers. Page tokens hold what hurts in queries and forms, and one that was never given is an error.
"""

import collections
import json
import re
import threading
import time
from types import SimpleNamespace
from urllib.parse import unquote

from aws import MAIN, OTHER, Refused, form_of, json_of, xml
from server import Answer

HURTS = "+/=%& ü"  # in every page token
S3_PARTS = ("policy", "tagging", "versioning", "location")
XMLNS = {"ec2": "http://ec2.amazonaws.com/doc/2016-11-15/", "s3": "http://s3.amazonaws.com/doc/2006-03-01/",
         "route53": "https://route53.amazonaws.com/doc/2013-04-01/", "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
         "iam": "https://iam.amazonaws.com/doc/2010-05-08/"}
GLOBAL = ("iam", "route53")
LAMBDA = re.compile(r"/2015-03-31/functions/(?:([^/]+)/policy)?")
ROUTE53 = re.compile(r"/2013-04-01/hostedzone(?:/([^/]+)/rrset)?")


def operation_of(call):
    """The protocol, the operation and the parameters of a request."""
    request, path = call.request, call.request.target.partition("?")[0]
    if call.service == "s3":
        return "s3", *s3_operation(request, path)
    if call.service == "route53":
        found = ROUTE53.fullmatch(path)
        return ("rest-xml", "ListResourceRecordSets" if found and found[1] else "ListHostedZones",
                {**dict(request.query), "id": unquote(found[1] or "") if found else None})
    if call.service == "lambda":
        found = LAMBDA.fullmatch(path)
        return ("rest-json", "GetPolicy" if found and found[1] else "ListFunctions",
                {**dict(request.query), "id": unquote(found[1] or "") if found else None})
    target = request.header("X-Amz-Target")
    if target:
        return "json", target.split(".")[-1], json_of(request)
    form = form_of(request)
    return "ec2" if call.service == "ec2" else "query", form.get("Action"), form


def s3_operation(request, path):
    """`GET /bucket/key?tagging`: key and bucket by their place, what is asked by the query."""
    bucket, _, key = path[1:].partition("/")
    params = {**dict(request.query), "bucket": unquote(bucket), "key": unquote(key)}
    asked = [part for part in S3_PARTS if part in params]
    if not bucket:
        return "ListBuckets", params
    if asked:
        return ("GetObject" if key else "GetBucket") + asked[0].capitalize(), params
    return "ListObjectsV2" if not key else "GetObject", params


class World:
    def __init__(self, aws):
        self.aws, self.given, self._lock = aws, {}, threading.Lock()
        self.regions = ["us-east-1", "eu-west-1"]  # that DescribeRegions tells of
        self.default_size = 1000
        self._at = collections.defaultdict(lambda: SimpleNamespace(
            snapshots=[], groups=[], tables=[], functions=[], policies={}, things=collections.defaultdict(list)))
        self._account = collections.defaultdict(lambda: SimpleNamespace(
            buckets=[], policies={}, objects=collections.defaultdict(dict), zones=[], records={}, users=[],
            moved={}))  # moved: bucket -> a function of the call that refuses, when it isn't the bucket's region

    def at(self, region, account=MAIN):
        return self._at[account, region]

    def account(self, account=MAIN):
        return self._account[account]

    def check_scope(self, call):
        if call.service in GLOBAL and call.region != "us-east-1":
            raise Refused("wrong scope")

    def do(self, call):
        doer = getattr(self, f"{call.service}_{call.operation}".lower(), None)
        if doer is None and call.protocol == "json":
            doer = self.json_list
        if doer is None:
            return Answer(f"no {call.service} {call.operation} here", 501, type="text/plain")
        return doer(call)

    # --- pages ---

    def page(self, call, items, size, token):
        """The items of a page, and the next one's token or None."""
        if token:
            with self._lock:
                if self.given.get(token, ("", 0))[0] != call.operation:
                    raise Refused("InvalidNextToken", f"The token {token!r} was never given", status=400)
                start = self.given[token][1]
        else:
            start = 0
        size = min(int(size or self.default_size), self.default_size)
        end = start + size
        if end >= len(items):
            return items[start:end], None
        made = f"{HURTS}{call.operation}{HURTS}{end}=="
        with self._lock:
            self.given[made] = (call.operation, end)
        return items[start:end], made

    # --- EC2 ---

    def _ec2(self, call, name, items, size=None, token=None):
        page, more = self.page(call, items, size, token)
        parts = {"requestId": "r", name: page, **({"nextToken": more} if more else {})}
        return wrapped("ec2", f"{call.operation}Response", parts)

    def _ec2_paged(self, call, name, items):
        return self._ec2(call, name, items, call.params.get("MaxResults"), call.params.get("NextToken"))

    def ec2_describesnapshots(self, call):
        return self._ec2_paged(call, "snapshotSet", self.at(call.region, call.keys.account).snapshots)

    def ec2_describesecuritygroups(self, call):
        return self._ec2_paged(call, "securityGroupInfo", self.at(call.region, call.keys.account).groups)

    def ec2_describeregions(self, call):
        return self._ec2(call, "regionInfo", [{"regionName": name, "regionEndpoint": f"ec2.{name}.amazonaws.com",
                                               "optInStatus": "opt-in-not-required"} for name in self.regions])

    # --- STS ---

    def sts_getcalleridentity(self, call):
        who = {"Arn": call.keys.arn, "UserId": "AIDA", "Account": call.keys.account}
        return wrapped("sts", "GetCallerIdentityResponse", {"GetCallerIdentityResult": who})

    def sts_assumerole(self, call):
        asked = call.params
        role = self.aws.roles.get(asked.get("RoleArn"))
        trusted = role and role.trusts & {"*", call.keys.arn, call.keys.role}
        if not trusted or role.external_id not in (None, asked.get("ExternalId")):
            raise Refused("denied", f"User: {call.keys.arn} is not authorized to perform: sts:AssumeRole on resource: "
                          f"{asked.get('RoleArn')}")
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", asked.get("RoleSessionName", "")):
            raise Refused("ValidationError", "roleSessionName failed to satisfy constraint", status=400)
        return self._hand_out(call, role)

    def none_assumerolewithwebidentity(self, call):
        asked = call.params
        arn = self.aws.web_tokens.get(asked.get("WebIdentityToken"))
        if arn is None:
            raise Refused("InvalidIdentityToken", "The ID Token provided is not a valid JWT.", status=400)
        if arn != asked.get("RoleArn"):
            raise Refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", status=403)
        return self._hand_out(call, self.aws.roles[arn])

    def _hand_out(self, call, role):
        keys = self.aws.assume(role, call.params["RoleSessionName"])
        made = {"AssumedRoleUser": {"Arn": keys.arn, "AssumedRoleId": "AROA:x"},
                "Credentials": {"AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "SessionToken": keys.token,
                                "Expiration": iso(keys.expires)}}
        return wrapped("sts", f"{call.operation}Response", {f"{call.operation}Result": made,
                                                            "ResponseMetadata": {"RequestId": "r"}})

    # --- IAM ---

    def iam_listusers(self, call):
        users = self.account(call.keys.account).users
        page, more = self.page(call, users, call.params.get("MaxItems"), call.params.get("Marker"))
        result = {"IsTruncated": "true" if more else "false", **({"Marker": more} if more else {}), "Users": page}
        return wrapped("iam", "ListUsersResponse", {"ListUsersResult": result}, "member")

    # --- S3 ---

    def s3_listbuckets(self, call):
        account = self.account(call.keys.account)
        page, more = self.page(call, account.buckets, call.params.get("max-buckets"), call.params.get("continuation-token"))
        body = xml("Owner", {"ID": "o"}) + "<Buckets>" + "".join(xml("Bucket", bucket) for bucket in page) + "</Buckets>"
        body += xml("ContinuationToken", more) if more else ""
        return f'<ListAllMyBucketsResult xmlns="{XMLNS["s3"]}">{body}</ListAllMyBucketsResult>'

    def _bucket(self, call):
        """The bucket's account; refuses when it isn't there, or elsewhere."""
        account, name = self.account(call.keys.account), call.params["bucket"]
        if name not in [bucket["Name"] for bucket in account.buckets]:
            raise Refused("NoSuchBucket", "The specified bucket does not exist", status=404)
        if name in account.moved:
            account.moved[name](call)
        return account

    def s3_getbucketpolicy(self, call):
        account, name = self._bucket(call), call.params["bucket"]
        if name not in account.policies:
            raise Refused("NoSuchBucketPolicy", "The bucket policy does not exist", status=404)
        return Answer(account.policies[name])

    def s3_listobjectsv2(self, call):
        objects = self._bucket(call).objects[call.params["bucket"]]
        page, more = self.page(call, list(objects), call.params.get("max-keys"), call.params.get("continuation-token"))
        body = xml("Name", call.params["bucket"]) + "".join(xml("Contents", {"Key": key}) for key in page)
        body += xml("IsTruncated", "true" if more else "false") + (xml("NextContinuationToken", more) if more else "")
        return f'<ListBucketResult xmlns="{XMLNS["s3"]}">{body}</ListBucketResult>'

    def s3_getobjecttagging(self, call):
        objects = self._bucket(call).objects[call.params["bucket"]]
        if call.params["key"] not in objects:
            raise Refused("NoSuchKey", f"The specified key {call.params['key']!r} does not exist.", status=404)
        tags = "".join(xml("Tag", {"Key": key, "Value": value}) for key, value in objects[call.params["key"]].items())
        return f'<Tagging xmlns="{XMLNS["s3"]}"><TagSet>{tags}</TagSet></Tagging>'

    # --- Route 53 ---

    def route53_listhostedzones(self, call):
        zones = self.account(call.keys.account).zones
        page, more = self.page(call, zones, call.params.get("maxitems"), call.params.get("marker"))
        body = "<HostedZones>" + "".join(xml("HostedZone", zone) for zone in page) + "</HostedZones>"
        body += xml("IsTruncated", "true" if more else "false") + (xml("NextMarker", more) if more else "")
        return f'<ListHostedZonesResponse xmlns="{XMLNS["route53"]}">{body}</ListHostedZonesResponse>'

    def route53_listresourcerecordsets(self, call):
        account = self.account(call.keys.account)
        if f"/hostedzone/{call.params['id']}" not in [zone["Id"] for zone in account.zones]:
            raise Refused("NoSuchHostedZone", f"No hosted zone found with ID: {call.params['id']}", status=404)
        records = account.records.get(call.params["id"], [])
        body = "<ResourceRecordSets>" + "".join(xml("ResourceRecordSet", record) for record in records) + "</ResourceRecordSets>"
        return (f'<ListResourceRecordSetsResponse xmlns="{XMLNS["route53"]}">{body}<IsTruncated>false</IsTruncated>'
                "</ListResourceRecordSetsResponse>")

    # --- Lambda ---

    def lambda_listfunctions(self, call):
        functions = self.at(call.region, call.keys.account).functions
        page, more = self.page(call, functions, call.params.get("MaxItems"), call.params.get("Marker"))
        return {"Functions": page, "NextMarker": more}

    def lambda_getpolicy(self, call):
        policies = self.at(call.region, call.keys.account).policies
        if call.params["id"] not in policies:
            raise Refused("ResourceNotFoundException", "The resource you requested does not exist.", status=404)
        return {"Policy": json.dumps(policies[call.params["id"]]), "RevisionId": "r-1"}

    # --- JSON services ---

    def dynamodb_listtables(self, call):
        tables = self.at(call.region, call.keys.account).tables
        last = call.params.get("ExclusiveStartTableName")
        start = tables.index(last) + 1 if last in tables else 0
        end = start + min(int(call.params.get("Limit", 100)), 100)
        more = {"LastEvaluatedTableName": tables[end - 1]} if end < len(tables) else {}
        return {"TableNames": tables[start:end], **more}

    def json_list(self, call):
        things = self.at(call.region, call.keys.account).things[call.service]
        page, more = self.page(call, things, call.params.get("MaxResults"), call.params.get("NextToken"))
        return {"Items": page, **({"NextToken": more} if more else {})}


def wrapped(service, name, parts, list_name="item"):
    inside = "".join(xml(key, value, list_name) for key, value in parts.items())
    return f'<{name} xmlns="{XMLNS[service]}">{inside}</{name}>'


def iso(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


# --- buckets elsewhere ---

def elsewhere(region, status=301, says=None, code="PermanentRedirect"):
    """For `moved`: the bucket is in `region`; whoever signs for another is told so, by the header alone.
    `says` is what the header tells instead; None: the truth, "": no header."""
    told = region if says is None else says

    def refuse(call):
        if call.region == region:
            return
        headers = {"x-amz-bucket-region": told} if told else {}
        if status == 307:
            headers["Location"] = f"http://s3.{region}.amazonaws.invalid{call.request.target}"
            raise Refused("moved", "Please re-send this request to the specified temporary endpoint.", 307,
                          "TemporaryRedirect", headers)
        if status == 400:
            raise Refused("moved", f"The authorization header is malformed; the region '{call.region}' is wrong; "
                          f"expecting '{told}'", 400, "AuthorizationHeaderMalformed", headers, {"Region": told})
        raise Refused("moved", "The bucket you are attempting to access must be addressed using the specified "
                      "endpoint. Please send all future requests to this endpoint.", status, code, headers,
                      {"Endpoint": "s3.amazonaws.com", "Bucket": call.params["bucket"]})
    return refuse
