"""What the actor does with instances, their volumes, snapshots and images."""

from actor import KIND, kind
from actor_ec2 import Ec2, tag

IMAGE = "ami-12345678"  # moto takes any


@kind
class Instance(Ec2):
    type, operation, expression = "aws.ec2.instance", "describe_instances", "Reservations[].Instances[].InstanceId"

    def make(self, aws, name):
        made = aws("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]
        return [self.created(aws, made["InstanceId"]), *self.parts(aws, made["InstanceId"], self.created)]

    def parts(self, aws, id, claim):
        """Its volumes and network interfaces come and go with it."""
        instance = aws("ec2").describe_instances(InstanceIds=[id])["Reservations"][0]["Instances"][0]
        return [claim(aws, one["Ebs"]["VolumeId"], type="aws.ec2.volume") for one in instance["BlockDeviceMappings"]] + [
            claim(aws, one["NetworkInterfaceId"], type="aws.ec2.network_interface") for one in instance["NetworkInterfaces"]]

    def change(self, aws, id):
        """It stops, and with that its public address is gone."""
        aws("ec2").stop_instances(InstanceIds=[id])
        return [self.updated(aws, id, "/(instanceState|stateReason|reason|dnsName|ipAddress|networkInterfaceSet/0/)", value="stopped"),
                *(self.updated(aws, one.id, "/association", type=one.type)
                  for one in self.parts(aws, id, self.updated) if one.type == "aws.ec2.network_interface")]

    def delete(self, aws, id):
        parts = self.parts(aws, id, self.deleted)
        aws("ec2").terminate_instances(InstanceIds=[id])
        # It is listed as terminated for a while. moto forgets its network interfaces.
        return [self.updated(aws, id, "/", value="terminated"), *(one for one in parts if one.type == "aws.ec2.volume")]


@kind
class Volume(Ec2):
    type, operation, expression = "aws.ec2.volume", "describe_volumes", "Volumes[].VolumeId"

    def make(self, aws, name):
        return [self.created(aws, aws("ec2").create_volume(Size=8, AvailabilityZone=f"{aws.region}a")["VolumeId"])]

    def change(self, aws, id):
        aws("ec2").modify_volume(VolumeId=id, Size=16)
        # moto's snapshots grow with their volume.
        return [self.updated(aws, id, "/size", value="16"), *(
            self.updated(aws, snapshot, "/volumeSize", value="16", type=type) for type in (Snapshot.type, PublicSnapshot.type)
            for snapshot in aws.has("ec2", "describe_snapshots", "Snapshots[].SnapshotId", **KIND[type].arguments,
                                    Filters=[{"Name": "volume-id", "Values": [id]}]))]

    def delete(self, aws, id):
        aws("ec2").delete_volume(VolumeId=id)
        return [self.deleted(aws, id)]


@kind
class Snapshot(Ec2):
    type, operation, expression = "aws.ec2.snapshot", "describe_snapshots", "Snapshots[].SnapshotId"
    arguments, after = {"OwnerIds": ["self"]}, ("aws.ec2.volume",)

    def make(self, aws, name):
        return [self.created(aws, aws("ec2").create_snapshot(VolumeId=aws.made["aws.ec2.volume", name], Description=name)["SnapshotId"])]

    def change(self, aws, id):
        shown = [type for type in (self.type, PublicSnapshot.type) if id in KIND[type].ids(aws)]
        tag(aws, id)
        return [self.updated(aws, id, "/tagSet", value={"key": "state", "value": "changed"}, type=type) for type in shown]

    def many(self, aws, count, each=250):
        """Snapshots by the thousand: an instance of many volumes makes one of each in one call. Returns all claims."""
        made = aws("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, BlockDeviceMappings=[
            {"DeviceName": f"/dev/sd{n}", "Ebs": {"VolumeSize": 8}} for n in range(min(each, count))])["Instances"][0]["InstanceId"]
        parts = KIND[Instance.type].parts(aws, made, self.created)
        claims = []
        while len(claims) < count:
            some = aws("ec2").create_snapshots(InstanceSpecification={"InstanceId": made}, Description="many")["Snapshots"]
            claims += [self.created(aws, one["SnapshotId"]) for one in some]
        return [*claims, self.created(aws, made, "aws.ec2.instance"), *parts]

    def delete(self, aws, id):
        aws("ec2").delete_snapshot(SnapshotId=id)
        return [self.deleted(aws, id)]


@kind
class PublicSnapshot(Ec2):
    """A snapshot that everybody may restore is here, too."""
    type, operation, expression = "aws.ec2.public_snapshot", "describe_snapshots", "Snapshots[].SnapshotId"
    arguments, after = {"OwnerIds": ["self"], "RestorableByUserIds": ["all"]}, ("aws.ec2.snapshot",)

    def let(self, aws, id, operation):
        aws("ec2").modify_snapshot_attribute(SnapshotId=id, Attribute="createVolumePermission", OperationType=operation, GroupNames=["all"])

    def make(self, aws, name):
        id = aws.made["aws.ec2.snapshot", name]
        self.let(aws, id, "add")
        return [self.created(aws, id)]

    def change(self, aws, id):
        return []  # its tags are the snapshot's, which is changed, too

    def delete(self, aws, id):
        self.let(aws, id, "remove")
        return [self.deleted(aws, id)]


@kind
class Image(Ec2):
    type, operation, expression = "aws.ec2.image", "describe_images", "Images[].ImageId"
    arguments, after = {"Owners": ["self"]}, ("aws.ec2.snapshot",)

    def make(self, aws, name):
        made = aws("ec2").register_image(Name=f"i-{name}", RootDeviceName="/dev/sda1", BlockDeviceMappings=[
            {"DeviceName": "/dev/sda1", "Ebs": {"SnapshotId": aws.made["aws.ec2.snapshot", name]}}])
        image, = aws("ec2").describe_images(ImageIds=[made["ImageId"]])["Images"]
        # moto makes a snapshot of its own for each image.
        return [self.created(aws, made["ImageId"])] + [
            self.created(aws, one["Ebs"]["SnapshotId"], "aws.ec2.snapshot") for one in image["BlockDeviceMappings"]]

    def delete(self, aws, id):
        aws("ec2").deregister_image(ImageId=id)
        return [self.deleted(aws, id)]
