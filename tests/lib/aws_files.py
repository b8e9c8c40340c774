"""Provider files for the small AWS: the collections that its services have, in the way of providers/aws.yaml."""

from garner import PROVIDER

XML_RULES = {"list_elements": ["item", "member"]}
ERRORS = {
    "code_at": ["/Errors/Error/Code", "/Error/Code", "/Code", "header:x-amzn-errortype", "/__type"],
    "code_after": "#", "code_before": ":",
    "message_at": ["/Errors/Error/Message", "/Error/Message", "/Message", "/message"],
    "throttled": ["RequestLimitExceeded", "Throttling", "ThrottlingException", "TooManyRequestsException", "SlowDown"],
    "expired": ["ExpiredToken", "ExpiredTokenException", "RequestExpired"],
    "denied": ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"],
    "skewed": ["RequestExpired", "AuthFailure", "RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch"],
    "advice": {
        "AuthFailure": "check the keys, or switch the region on",
        "InvalidClientTokenId": "check the access key id", "UnrecognizedClientException": "check the access key id",
        "InvalidAccessKeyId": "check the access key id",
        "SignatureDoesNotMatch": "check the secret access key", "InvalidSignatureException": "check the secret access key",
    },
}


def collection(type, service, request, items, id, auth=None, **over):
    made = {"type": type, "scope": "region", "auth": {"kind": "aws_sigv4", "service": service, **(auth or {})},
            "request": request, "items": items, "id": id, **over}
    return {key: value for key, value in made.items() if value is not ...}


def query(service, version, action, url=None, **form):
    return {"method": "POST", "url": url or f"https://{service}.{{region}}.amazonaws.com/",
            "form": {"Action": action, "Version": version, **form}}


def token(source, to, size=None, **more):
    made = {"style": "token", "from": f"body:{source}", "to": to, **more}
    return {**made, "size": {"to": size[0], "max": size[1]}} if size else made


def snapshots(size=5, **over):
    made = {"items_optional": True, "permissions": ["ec2:DescribeSnapshots"], **over}
    return collection("p.snapshot", "ec2", query("ec2", "2016-11-15", "DescribeSnapshots", **{"Owner.1": "self"}),
                      "/snapshotSet/*", "/snapshotId", page=token("/nextToken", "form:NextToken", ("form:MaxResults", size)), **made)


def groups(**over):
    made = {"permissions": ["ec2:DescribeSecurityGroups"], **over}
    return collection("p.group", "ec2", query("ec2", "2016-11-15", "DescribeSecurityGroups"), "/securityGroupInfo/*", "/groupId",
                      page=token("/nextToken", "form:NextToken"), **made)


def users(size=5, **over):
    made = {"scope": "account", "permissions": ["iam:ListUsers"], **over}
    return collection("p.user", "iam", query("iam", "2010-05-08", "ListUsers", "https://iam.amazonaws.com/"),
                      "/ListUsersResult/Users/*", "/Arn", {"region": "us-east-1"},
                      page=token("/ListUsersResult/Marker", "form:Marker", ("form:MaxItems", size)), **made)


S3 = {"region": "us-east-1", "region_from": "header:x-amz-bucket-region"}


def buckets(size=5, **over):
    made = {"scope": "account", "items_optional": True, "permissions": ["s3:ListAllMyBuckets"], **over}
    return collection("p.bucket", "s3", {"url": "https://s3.us-east-1.amazonaws.com/"}, "/Buckets/Bucket/*", "/Name", S3,
                      page=token("/ContinuationToken", "query:continuation-token", ("query:max-buckets", size)), **made)


def bucket_policies(**over):
    """The header X-Where tells the server which region's URL was meant, which an endpoint hides."""
    request = {"url": "https://s3.{auth.region}.amazonaws.com/{parent:/Name}", "query": {"policy": ""},
               "headers": {"X-Where": "{auth.region}"}}
    return collection("p.bucket_policy", "s3", request, "", "{parent.id}", S3, scope={"parent": "p.bucket"},
                      absent=[{"status": 404, "code": "NoSuchBucketPolicy"}], permissions=["s3:GetBucketPolicy"], **over)


def objects(size=5, **over):
    request = {"url": "https://s3.{auth.region}.amazonaws.com/{parent:/Name}", "query": {"list-type": "2"}}
    page = token("/NextContinuationToken", "query:continuation-token", ("query:max-keys", size))
    return collection("p.object", "s3", request, "/Contents/*", "/Key", S3, scope={"parent": "p.bucket"}, items_optional=True,
                      page=page, **over)


def object_tags(**over):
    request = {"url": "https://s3.{auth.region}.amazonaws.com/{parent.parent.id}/{+parent:/Key}", "query": {"tagging": ""}}
    return collection("p.tags", "s3", request, "", "{parent.id}", S3, scope={"parent": "p.object"}, **over)


def zones(size=5, **over):
    request = {"url": "https://route53.amazonaws.com/2013-04-01/hostedzone"}
    return collection("p.zone", "route53", request, "/HostedZones/HostedZone/*", "/Id", {"region": "us-east-1", "id": "route_53"},
                      scope="account", items_optional=True, page=token("/NextMarker", "query:marker", ("query:maxitems", size)), **over)


def records(**over):
    request = {"url": "https://route53.amazonaws.com/2013-04-01{+parent:/Id}/rrset"}
    return collection("p.record", "route53", request, "/ResourceRecordSets/ResourceRecordSet/*", "/Name",
                      {"region": "us-east-1", "id": "route_53"}, scope={"parent": "p.zone"}, items_optional=True, **over)


def tables(size=5, **over):
    request = {"method": "POST", "url": "https://dynamodb.{region}.amazonaws.com/",
               "headers": {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"},
               "body": {}}
    made = {"format": "json", "permissions": ["dynamodb:ListTables"], **over}
    return collection("p.table", "dynamodb", request, "/TableNames/*", "",
                      page=token("/LastEvaluatedTableName", "body:/ExclusiveStartTableName", ("body:/Limit", size)), **made)


def functions(size=5, **over):
    made = {"permissions": ["lambda:ListFunctions"], **over}
    return collection("p.function", "lambda", {"url": "https://lambda.{region}.amazonaws.com/2015-03-31/functions/"},
                      "/Functions/*", "/FunctionArn", page=token("/NextMarker", "query:Marker", ("query:MaxItems", size)), **made)


def function_policies(**over):
    request = {"url": "https://lambda.{region}.amazonaws.com/2015-03-31/functions/{parent:/FunctionArn}/policy"}
    return collection("p.function_policy", "lambda", request, "", "{parent.id}", scope={"parent": "p.function"},
                      absent=[{"status": 404, "code": "ResourceNotFoundException"}], **over)


def things(service, size=5, **over):
    """A JSON 1.1 service of that name, of which the small AWS has any."""
    request = {"method": "POST", "url": f"https://{service}.{{region}}.amazonaws.com/",
               "headers": {"X-Amz-Target": f"{service}.ListThings", "Content-Type": "application/x-amz-json-1.1"}, "body": {}}
    made = {"format": "json", "permissions": [f"{service}:ListThings"], **over}
    return collection(f"p.{service}", service, request, "/Items/*", "/id",
                      page=token("/NextToken", "body:/NextToken", ("body:/MaxResults", size)), **made)


def provider(*collections, **over):
    made = {"provider": PROVIDER, "auth": {"kind": "aws_sigv4", "service": "ec2"}, "errors": ERRORS, "xml": XML_RULES,
            "regions": ["us-east-1", "eu-west-1"], **over, "collections": list(collections)}
    return {key: value for key, value in made.items() if value is not ...}
