"""What the actor does in the services of the Query protocol, but for IAM."""

import json

from actor import Kind, Listed, kind
from actor_ec2 import default_subnets

TEMPLATE = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}


@kind
class DbInstance(Listed):
    type, service, operation = "aws.rds.db_instance", "rds", "describe_db_instances"
    expression = "DBInstances[].DBInstanceArn"

    def make(self, aws, name):
        made = aws("rds").create_db_instance(DBInstanceIdentifier=f"db-{name}", DBInstanceClass="db.t3.micro", Engine="postgres",
                                             AllocatedStorage=20, MasterUsername="u", MasterUserPassword="password")["DBInstance"]
        return [self.created(aws, made["DBInstanceArn"]), *self.backups(aws, made["DBInstanceArn"], self.created)]

    def backups(self, aws, id, claim):
        """The snapshots that RDS makes by itself, and deletes with the instance."""
        return [claim(aws, one, "aws.rds.db_snapshot") for one in aws.has(
            "rds", "describe_db_snapshots", "DBSnapshots[?SnapshotType=='automated'].DBSnapshotArn", DBInstanceIdentifier=id.split(":")[-1])]

    def change(self, aws, id):
        aws("rds").modify_db_instance(DBInstanceIdentifier=id.split(":")[-1], PubliclyAccessible=True, ApplyImmediately=True)
        return [self.updated(aws, id, "/PubliclyAccessible", value="true")]

    def delete(self, aws, id):
        backups = self.backups(aws, id, self.deleted)
        aws("rds").delete_db_instance(DBInstanceIdentifier=id.split(":")[-1], SkipFinalSnapshot=True)
        return [self.deleted(aws, id), *backups]


@kind
class DbCluster(Listed):
    type, service, operation = "aws.rds.db_cluster", "rds", "describe_db_clusters"
    expression = "DBClusters[].DBClusterArn"

    def make(self, aws, name):
        made = aws("rds").create_db_cluster(DBClusterIdentifier=f"cl-{name}", Engine="aurora-postgresql", MasterUsername="u",
                                            MasterUserPassword="password")["DBCluster"]
        return [self.created(aws, made["DBClusterArn"]), *self.backups(aws, made["DBClusterArn"], self.created)]

    def backups(self, aws, id, claim):
        return [claim(aws, one, "aws.rds.db_cluster_snapshot") for one in aws.has(
            "rds", "describe_db_cluster_snapshots", "DBClusterSnapshots[?SnapshotType=='automated'].DBClusterSnapshotArn",
            DBClusterIdentifier=id.split(":")[-1])]

    def change(self, aws, id):
        aws("rds").modify_db_cluster(DBClusterIdentifier=id.split(":")[-1], BackupRetentionPeriod=9)
        return [self.updated(aws, id, "/BackupRetentionPeriod", value="9")]

    def delete(self, aws, id):
        aws("rds").delete_db_cluster(DBClusterIdentifier=id.split(":")[-1], SkipFinalSnapshot=True)
        return [self.deleted(aws, id)]  # moto forgets the snapshots that it made by itself


@kind
class DbSnapshot(Listed):
    type, service, operation = "aws.rds.db_snapshot", "rds", "describe_db_snapshots"
    expression, after = "DBSnapshots[].DBSnapshotArn", ("aws.rds.db_instance",)

    def make(self, aws, name):
        made = aws("rds").create_db_snapshot(DBSnapshotIdentifier=f"sn-{name}", DBInstanceIdentifier=f"db-{name}")["DBSnapshot"]
        return [self.created(aws, made["DBSnapshotArn"])]

    def change(self, aws, id):
        aws("rds").add_tags_to_resource(ResourceName=id, Tags=[{"Key": "state", "Value": "changed"}])
        return [self.updated(aws, id, "/TagList", value={"Key": "state", "Value": "changed"})]

    def delete(self, aws, id):
        aws("rds").delete_db_snapshot(DBSnapshotIdentifier=id.split(":")[-1])
        return [self.deleted(aws, id)]


@kind
class DbClusterSnapshot(Listed):
    type, service, operation = "aws.rds.db_cluster_snapshot", "rds", "describe_db_cluster_snapshots"
    expression, after = "DBClusterSnapshots[].DBClusterSnapshotArn", ("aws.rds.db_cluster",)

    def make(self, aws, name):
        made = aws("rds").create_db_cluster_snapshot(DBClusterSnapshotIdentifier=f"cs-{name}", DBClusterIdentifier=f"cl-{name}")
        return [self.created(aws, made["DBClusterSnapshot"]["DBClusterSnapshotArn"])]

    def change(self, aws, id):
        aws("rds").add_tags_to_resource(ResourceName=id, Tags=[{"Key": "state", "Value": "changed"}])
        return [self.updated(aws, id, "/TagList", value={"Key": "state", "Value": "changed"})]

    def delete(self, aws, id):
        aws("rds").delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=id.split(":")[-1])
        return [self.deleted(aws, id)]


@kind
class LoadBalancer(Listed):
    type, service, operation = "aws.elbv2.load_balancer", "elbv2", "describe_load_balancers"
    expression = "LoadBalancers[].LoadBalancerArn"

    def make(self, aws, name):
        made = aws("elbv2").create_load_balancer(Name=f"lb-{name}", Subnets=default_subnets(aws)[:2])["LoadBalancers"][0]
        return [self.created(aws, made["LoadBalancerArn"])]

    def change(self, aws, id):
        subnets = default_subnets(aws)
        aws("elbv2").set_subnets(LoadBalancerArn=id, Subnets=subnets[:3])
        return [self.updated(aws, id, "/AvailabilityZones", value=subnets[2])]

    def delete(self, aws, id):
        aws("elbv2").delete_load_balancer(LoadBalancerArn=id)
        return [self.deleted(aws, id)]


@kind
class TargetGroup(Listed):
    type, service, operation = "aws.elbv2.target_group", "elbv2", "describe_target_groups"
    expression = "TargetGroups[].TargetGroupArn"

    def make(self, aws, name):
        made = aws("elbv2").create_target_group(Name=f"tg-{name}", Protocol="HTTP", Port=80, TargetType="ip",
                                                VpcId=aws.has("ec2", "describe_vpcs", "Vpcs[?IsDefault].VpcId")[0])
        return [self.created(aws, made["TargetGroups"][0]["TargetGroupArn"])]

    def change(self, aws, id):
        aws("elbv2").modify_target_group(TargetGroupArn=id, HealthCheckPath="/changed")
        return [self.updated(aws, id, "/HealthCheckPath", value="/changed")]

    def delete(self, aws, id):
        aws("elbv2").delete_target_group(TargetGroupArn=id)
        return [self.deleted(aws, id)]


@kind
class Listener(Listed):
    type, after = "aws.elbv2.listener", ("aws.elbv2.load_balancer", "aws.elbv2.target_group")

    def make(self, aws, name):
        balancer, target = aws.made["aws.elbv2.load_balancer", name], aws.made["aws.elbv2.target_group", name]
        made = aws("elbv2").create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80,
                                            DefaultActions=[{"Type": "forward", "TargetGroupArn": target}])["Listeners"][0]
        return [self.created(aws, made["ListenerArn"]),
                self.updated(aws, target, "/LoadBalancerArns", value=balancer, type="aws.elbv2.target_group")]

    def change(self, aws, id):
        aws("elbv2").modify_listener(ListenerArn=id, Port=8080)
        return [self.updated(aws, id, "/Port", value="8080")]

    def delete(self, aws, id):
        aws("elbv2").delete_listener(ListenerArn=id)
        return [self.deleted(aws, id)]

    def ids(self, aws):
        return [id for balancer in aws.has("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerArn")
                for id in aws.has("elbv2", "describe_listeners", "Listeners[].ListenerArn", LoadBalancerArn=balancer)]


@kind
class AutoScalingGroup(Listed):
    type, service, operation = "aws.autoscaling.group", "autoscaling", "describe_auto_scaling_groups"
    expression, after = "AutoScalingGroups[].AutoScalingGroupARN", ("aws.ec2.launch_template",)

    def make(self, aws, name):
        aws("autoscaling").create_auto_scaling_group(
            AutoScalingGroupName=f"as-{name}", MinSize=0, MaxSize=2, DesiredCapacity=0, AvailabilityZones=[f"{aws.region}a"],
            LaunchTemplate={"LaunchTemplateId": aws.made["aws.ec2.launch_template", name], "Version": "1"})
        made, = aws.has("autoscaling", self.operation, self.expression, AutoScalingGroupNames=[f"as-{name}"])
        return [self.created(aws, made)]

    def change(self, aws, id):
        aws("autoscaling").update_auto_scaling_group(AutoScalingGroupName=id.split("/")[-1], MaxSize=5)
        return [self.updated(aws, id, "/MaxSize", value="5")]

    def delete(self, aws, id):
        aws("autoscaling").delete_auto_scaling_group(AutoScalingGroupName=id.split("/")[-1], ForceDelete=True)
        return [self.deleted(aws, id)]


@kind
class TopicArn(Listed):
    type, service, operation, expression = "aws.sns.topic_arn", "sns", "list_topics", "Topics[].TopicArn"

    def make(self, aws, name):
        return []


@kind
class Topic(Listed):
    type = "aws.sns.topic"

    def make(self, aws, name):
        id = aws("sns").create_topic(Name=f"t-{name}")["TopicArn"]
        return [self.created(aws, id), self.created(aws, id, TopicArn.type)]

    def change(self, aws, id):
        aws("sns").set_topic_attributes(TopicArn=id, AttributeName="DisplayName", AttributeValue="changed")
        return [self.updated(aws, id, "/Attributes", value="changed")]

    def delete(self, aws, id):
        aws("sns").delete_topic(TopicArn=id)
        return [self.deleted(aws, id), self.deleted(aws, id, TopicArn.type)]

    def ids(self, aws):
        return TopicArn().ids(aws)


@kind
class Subscription(Kind):
    """Its id is made of topic, protocol and endpoint: it has no ARN until it is confirmed."""
    type, after = "aws.sns.subscription", ("aws.sns.topic",)

    def id(self, topic, protocol, endpoint):
        return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in (topic, protocol, endpoint))

    def make(self, aws, name):
        topic = aws.made["aws.sns.topic", name]
        aws("sns").subscribe(TopicArn=topic, Protocol="https", Endpoint=f"https://{name}.example/100%")
        return [self.created(aws, self.id(topic, "https", f"https://{name}.example/100%")),
                self.updated(aws, topic, "/Attributes", type="aws.sns.topic")]  # it counts them

    def delete(self, aws, id):
        for one in aws.has("sns", "list_subscriptions", "Subscriptions[]"):
            if self.id(one["TopicArn"], one["Protocol"], one["Endpoint"]) == id:
                aws("sns").unsubscribe(SubscriptionArn=one["SubscriptionArn"])
        return [self.deleted(aws, id), self.updated(aws, id.split("/")[0], "/Attributes", type="aws.sns.topic")]

    def ids(self, aws):
        return [self.id(one["TopicArn"], one["Protocol"], one["Endpoint"]) for one in aws.has("sns", "list_subscriptions", "Subscriptions[]")]


@kind
class Identity(Kind):
    """Who the account is: always there, and what it says never changes."""
    type, regional = "aws.sts.identity", False

    def make(self, aws, name):
        return []

    def ids(self, aws):
        return [aws("sts").get_caller_identity()["Account"]]


@kind
class Stack(Listed):
    type, service, operation, expression = "aws.cloudformation.stack", "cloudformation", "describe_stacks", "Stacks[].StackId"

    def make(self, aws, name):
        made = aws("cloudformation").create_stack(StackName=f"st-{name}", TemplateBody=json.dumps(TEMPLATE))["StackId"]
        return [self.created(aws, made), *self.topics(aws, made, self.created)]

    def topics(self, aws, id, claim):
        """What the stack made goes with it."""
        return [claim(aws, arn, type) for type in ("aws.sns.topic", "aws.sns.topic_arn") for arn in aws.has(
            "cloudformation", "describe_stack_resources", "StackResources[].PhysicalResourceId", StackName=id)]

    def change(self, aws, id):
        before = self.topics(aws, id, self.deleted)
        template = {**TEMPLATE, "Description": "changed"}
        aws("cloudformation").update_stack(StackName=id, TemplateBody=json.dumps(template))
        # moto makes the topic anew.
        return [self.updated(aws, id, "/(Description|StackStatus|LastUpdatedTime)", value="UPDATE_COMPLETE"),
                *before, *self.topics(aws, id, self.created)]

    def delete(self, aws, id):
        topics = self.topics(aws, id, self.deleted)
        aws("cloudformation").delete_stack(StackName=id)
        return [self.deleted(aws, id), *topics]
