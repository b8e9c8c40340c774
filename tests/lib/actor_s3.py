"""What the actor does in S3. Buckets have regions, but the account lists them all: their events have no region."""

import json

from actor import Kind, Listed, kind
from botocore.exceptions import ClientError

HOME = "us-east-1"


def policy(bucket, *actions):
    """A policy by which everybody may do that."""
    return {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": list(actions), "Resource": f"arn:aws:s3:::{bucket}/*"}]}


@kind
class Bucket(Listed):
    type, regional = "aws.s3.bucket", False
    service, operation, expression = "s3", "list_buckets", "Buckets[].Name"
    comes_with = "aws.s3.bucket_acl", "aws.s3.bucket_logging", "aws.s3.bucket_versioning"

    def make(self, aws, name):
        id = f"b-{name}-{aws.account}-{aws.region}"
        place = {} if aws.region == HOME else {"CreateBucketConfiguration": {"LocationConstraint": aws.region}}
        aws("s3").create_bucket(Bucket=id, **place)
        return [self.created(aws, id), *(self.created(aws, id, type) for type in self.comes_with)]

    def delete(self, aws, id):
        aws("s3").put_bucket_logging(Bucket=id, BucketLoggingStatus={})  # else it logs its own emptying
        for one in aws.has("s3", "list_object_versions", "[Versions, DeleteMarkers][][].[Key, VersionId]", Bucket=id):
            aws("s3").delete_object(Bucket=id, Key=one[0], VersionId=one[1])
        aws("s3").delete_bucket(Bucket=id)
        return [self.deleted(aws, id), *(self.deleted(aws, id, type) for type in self.comes_with)]


class OfBucket(Kind):
    """What there is one of, or none, in each bucket. Its id is the bucket's."""

    regional, after = False, ("aws.s3.bucket",)
    get = None

    def make(self, aws, name):
        return []

    def delete(self, aws, id):
        return []

    def ids(self, aws):
        found = []
        for bucket in Bucket().ids(aws):
            try:
                getattr(aws("s3"), self.get)(Bucket=bucket)
                found.append(bucket)
            except ClientError as trouble:
                if trouble.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                    raise
        return found


@kind
class BucketPolicy(OfBucket):
    type, get = "aws.s3.bucket_policy", "get_bucket_policy"

    def make(self, aws, name):
        id = aws.made["aws.s3.bucket", name]
        aws("s3").put_bucket_policy(Bucket=id, Policy=json.dumps(policy(id, "s3:GetObject")))
        return [self.created(aws, id)]

    def change(self, aws, id):
        aws("s3").put_bucket_policy(Bucket=id, Policy=json.dumps(policy(id, "s3:GetObject", "s3:PutObject")))
        return [self.updated(aws, id, "/Statement", value="s3:PutObject")]

    def delete(self, aws, id):
        aws("s3").delete_bucket_policy(Bucket=id)
        return [self.deleted(aws, id)]


@kind
class PublicAccessBlock(OfBucket):
    type, get = "aws.s3.public_access_block", "get_public_access_block"

    def put(self, aws, id, policies):
        aws("s3").put_public_access_block(Bucket=id, PublicAccessBlockConfiguration={
            "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": policies, "RestrictPublicBuckets": False})

    def make(self, aws, name):
        id = aws.made["aws.s3.bucket", name]
        self.put(aws, id, True)
        return [self.created(aws, id)]

    def change(self, aws, id):
        self.put(aws, id, False)
        return [self.updated(aws, id, "/BlockPublicPolicy", value="false")]

    def delete(self, aws, id):
        aws("s3").delete_public_access_block(Bucket=id)
        return [self.deleted(aws, id)]


@kind
class Encryption(OfBucket):
    """AWS encrypts every bucket by default; moto doesn't."""
    type, get = "aws.s3.bucket_encryption", "get_bucket_encryption"

    def put(self, aws, id, algorithm):
        aws("s3").put_bucket_encryption(Bucket=id, ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}]})

    def make(self, aws, name):
        id = aws.made["aws.s3.bucket", name]
        self.put(aws, id, "AES256")
        return [self.created(aws, id)]

    def change(self, aws, id):
        self.put(aws, id, "aws:kms")
        return [self.updated(aws, id, "/Rule", value="aws:kms")]

    def delete(self, aws, id):
        aws("s3").delete_bucket_encryption(Bucket=id)
        return [self.deleted(aws, id)]


class Setting(OfBucket):
    """What each bucket has, from its start to its end: it is only ever changed."""

    def make(self, aws, name):
        aws.made[self.type, name] = aws.made["aws.s3.bucket", name]
        return []


@kind
class Versioning(Setting):
    type, get = "aws.s3.bucket_versioning", "get_bucket_versioning"

    def change(self, aws, id):
        aws("s3").put_bucket_versioning(Bucket=id, VersioningConfiguration={"Status": "Enabled"})
        return [self.updated(aws, id, "", value="Enabled")]


@kind
class Acl(Setting):
    type, get = "aws.s3.bucket_acl", "get_bucket_acl"

    def change(self, aws, id):
        aws("s3").put_bucket_acl(Bucket=id, ACL="public-read")
        return [self.updated(aws, id, "/AccessControlList", value="READ")]


@kind
class Logging(Setting):
    """A bucket may log into itself, once it lets the log's writers write."""
    type, get, after = "aws.s3.bucket_logging", "get_bucket_logging", ("aws.s3.bucket", "aws.s3.bucket_acl")

    def change(self, aws, id):
        acl = aws("s3").get_bucket_acl(Bucket=id)
        acl["Grants"] += [{"Grantee": {"Type": "Group", "URI": "http://acs.amazonaws.com/groups/s3/LogDelivery"}, "Permission": permission}
                          for permission in ("WRITE", "READ_ACP")]
        aws("s3").put_bucket_acl(Bucket=id, AccessControlPolicy={"Owner": acl["Owner"], "Grants": acl["Grants"]})
        aws("s3").put_bucket_logging(Bucket=id, BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": id, "TargetPrefix": "log/"}})
        return [self.updated(aws, id, "", value="log/"),
                self.updated(aws, id, "/AccessControlList", type="aws.s3.bucket_acl")]


@kind
class AccountPublicAccessBlock(Kind):
    """Of all buckets of the account: one or none."""
    type, regional = "aws.s3control.public_access_block", False

    def put(self, aws, policies):
        aws("s3control").put_public_access_block(AccountId=aws.account, PublicAccessBlockConfiguration={
            "BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": policies, "RestrictPublicBuckets": False})

    def make(self, aws, name):
        if self.ids(aws):
            return []
        self.put(aws, True)
        return [self.created(aws, aws.account)]

    def change(self, aws, id):
        self.put(aws, False)
        return [self.updated(aws, id, "/BlockPublicPolicy", value="false")]

    def delete(self, aws, id):
        aws("s3control").delete_public_access_block(AccountId=aws.account)
        return [self.deleted(aws, id)]

    def ids(self, aws):
        try:
            aws("s3control").get_public_access_block(AccountId=aws.account)
        except ClientError as trouble:
            if trouble.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            return []
        return [aws.account]
