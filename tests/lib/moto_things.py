"""Things of four services at moto, that come and go, each listed over some pages: XML of three kinds and JSON."""

import moto_lab
from moto_lab import MotoLab

SIZES = {"aws.ec2.volume": 5, "aws.iam.user": 3, "aws.s3.bucket": 3, "aws.logs.log_group": 3}  # items of a page


class Things:
    def __init__(self, moto, pages):
        self.moto, self.made = moto, 0
        self.ec2, self.iam, self.s3, self.logs = (moto.client(name) for name in ("ec2", "iam", "s3", "logs"))
        self.have = {type: [] for type in SIZES}
        for type, size in SIZES.items():
            for _ in range(size * (pages - 1) + 1):
                self.create(type)

    def truth(self, type):
        """{(parent, id)}"""
        return {(None, id) for id in self.have[type]}

    def lab(self, folder, endpoint, types):
        """A lab that harvested these types through that endpoint, in small pages."""
        made = MotoLab(folder, self.moto, types=types)
        made.env["AWS_ENDPOINT_URL"] = endpoint
        definition = moto_lab.definition(types)
        for one in definition["collections"]:
            # Of one size only: a page that keeps failing is to fail, and not to be asked for in smaller pieces.
            one["page"]["size"] = {"to": one["page"]["size"]["to"], "min": SIZES[one["type"]], "max": SIZES[one["type"]]}
            # A last page that is empty and says that it is the last one looks like many deletions, fewer than the guard
            # holds back. Where that can happen, a second listing is to be asked, as EC2's collections do anyway.
            one["delete"] = {"confirm": "relist"}
        made.has_provider(definition, "aws")
        made.run()
        return made

    def create(self, type):
        self.made += 1
        name = f"made-{self.made:04}"
        if type == "aws.ec2.volume":
            id = self.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
        elif type == "aws.iam.user":
            id = self.iam.create_user(UserName=name)["User"]["UserId"]
        elif type == "aws.s3.bucket":
            self.s3.create_bucket(Bucket=name)
            id = name
        else:
            self.logs.create_log_group(logGroupName=name)
            id = next(one["arn"] for one in self.logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"])
        self.have[type].append(id)

    def delete(self, type):
        id = self.have[type].pop(len(self.have[type]) // 2)
        if type == "aws.ec2.volume":
            self.ec2.delete_volume(VolumeId=id)
        elif type == "aws.iam.user":
            self.iam.delete_user(UserName=next(one["UserName"] for one in self.iam.list_users()["Users"] if one["UserId"] == id))
        elif type == "aws.s3.bucket":
            self.s3.delete_bucket(Bucket=id)
        else:
            self.logs.delete_log_group(logGroupName=id.split(":")[6])
