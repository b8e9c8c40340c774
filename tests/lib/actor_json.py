"""What the actor does in services that speak JSON: DynamoDB, KMS, ECS, CloudWatch Logs, SQS, Secrets Manager, CloudTrail."""

import json

from actor import Kind, Listed, kind

CONTAINER = [{"name": "c", "image": "busybox", "memory": 64, "environment": [{"name": "SECRET", "value": "one"}]}]


def lets_everybody(actions, resource="*"):
    return json.dumps({"Version": "2012-10-17", "Id": "open", "Statement": [
        {"Sid": "all", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": actions, "Resource": resource}]})


class Named(Listed):
    """The listing of bare names, which come and go with what another kind makes and deletes."""

    def make(self, aws, name):
        return []


@kind
class TableName(Named):
    type, service, operation, expression = "aws.dynamodb.table_name", "dynamodb", "list_tables", "TableNames[]"


@kind
class Table(Kind):
    type = "aws.dynamodb.table"

    def make(self, aws, name):
        made = aws("dynamodb").create_table(
            TableName=f"t-{name}", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}])["TableDescription"]["TableArn"]
        return [self.created(aws, made), self.created(aws, f"t-{name}", TableName.type)]

    def change(self, aws, id):
        aws("dynamodb").update_table(TableName=id.split("/")[-1], DeletionProtectionEnabled=True)
        return [self.updated(aws, id, "/Table/DeletionProtectionEnabled", value=True)]

    def delete(self, aws, id):
        name = id.split("/")[-1]
        aws("dynamodb").update_table(TableName=name, DeletionProtectionEnabled=False)
        aws("dynamodb").delete_table(TableName=name)
        return [self.deleted(aws, id), self.deleted(aws, name, TableName.type)]

    def ids(self, aws):
        return [aws("dynamodb").describe_table(TableName=name)["Table"]["TableArn"] for name in TableName().ids(aws)]


@kind
class KeyId(Named):
    type, service, operation, expression = "aws.kms.key_id", "kms", "list_keys", "Keys[].KeyId"


@kind
class Key(Kind):
    type = "aws.kms.key"

    def make(self, aws, name):
        id = aws("kms").create_key(Description=name)["KeyMetadata"]["KeyId"]
        return [self.created(aws, id), self.created(aws, id, KeyId.type), self.created(aws, id, KeyPolicy.type)]

    def change(self, aws, id):
        aws("kms").disable_key(KeyId=id)
        return [self.updated(aws, id, "/KeyMetadata/(Enabled|KeyState)", value="Disabled")]

    def delete(self, aws, id):
        aws("kms").schedule_key_deletion(KeyId=id, PendingWindowInDays=7)
        return [self.updated(aws, id, "/KeyMetadata/(Enabled|KeyState|DeletionDate)", value="PendingDeletion")]  # for days

    def ids(self, aws):
        return KeyId().ids(aws)


@kind
class KeyPolicy(Kind):
    type, after = "aws.kms.key_policy", ("aws.kms.key",)

    def make(self, aws, name):
        aws.made[self.type, name] = aws.made["aws.kms.key", name]
        return []

    def change(self, aws, id):
        aws("kms").put_key_policy(KeyId=id, PolicyName="default", Policy=lets_everybody("kms:*"))
        return [self.updated(aws, id, "/Policy")]

    def delete(self, aws, id):
        return []

    def ids(self, aws):
        return KeyId().ids(aws)


@kind
class ClusterArn(Named):
    type, service, operation, expression = "aws.ecs.cluster_arn", "ecs", "list_clusters", "clusterArns[]"


@kind
class Cluster(Kind):
    type = "aws.ecs.cluster"

    def make(self, aws, name):
        id = aws("ecs").create_cluster(clusterName=f"c-{name}")["cluster"]["clusterArn"]
        return [self.created(aws, id), self.created(aws, id, ClusterArn.type)]

    def change(self, aws, id):
        aws("ecs").update_cluster(cluster=id, settings=[{"name": "containerInsights", "value": "enabled"}])
        return [self.updated(aws, id, "/settings", value="enabled")]

    def delete(self, aws, id):
        aws("ecs").delete_cluster(cluster=id)
        return [self.updated(aws, id, "/status", value="INACTIVE")]  # AWS doesn't list it any more, moto does

    def ids(self, aws):
        return ClusterArn().ids(aws)


@kind
class Family(Named):
    type, service, operation, expression = "aws.ecs.task_definition_family", "ecs", "list_task_definition_families", "families[]"
    arguments = {"status": "ACTIVE"}


@kind
class TaskDefinition(Kind):
    """A family's latest revision."""
    type = "aws.ecs.task_definition"

    def make(self, aws, name):
        aws("ecs").register_task_definition(family=f"f-{name}", containerDefinitions=CONTAINER)
        return [self.created(aws, f"f-{name}"), self.created(aws, f"f-{name}", Family.type)]

    def change(self, aws, id):
        aws("ecs").register_task_definition(family=id, containerDefinitions=[{**CONTAINER[0], "image": "changed"}])
        changed = "/taskDefinition/(revision|taskDefinitionArn|registeredAt|containerDefinitions/0/image)"
        return [self.updated(aws, id, changed, value="changed")]

    def delete(self, aws, id):
        for arn in aws.has("ecs", "list_task_definitions", "taskDefinitionArns[]", familyPrefix=id):
            aws("ecs").deregister_task_definition(taskDefinition=arn)
        return [self.updated(aws, id, "/taskDefinition/status", value="INACTIVE")]  # AWS doesn't list it any more, moto does

    def ids(self, aws):
        return Family().ids(aws)


@kind
class ServiceArn(Named):
    type = "aws.ecs.service_arn"

    def ids(self, aws):
        return [id for cluster in ClusterArn().ids(aws) for id in aws.has("ecs", "list_services", "serviceArns[]", cluster=cluster)]


@kind
class Service(Kind):
    type, after = "aws.ecs.service", ("aws.ecs.cluster", "aws.ecs.task_definition")

    def make(self, aws, name):
        made = aws("ecs").create_service(cluster=f"c-{name}", serviceName=f"s-{name}", taskDefinition=f"f-{name}", desiredCount=1)
        id = made["service"]["serviceArn"]
        return [self.created(aws, id), self.created(aws, id, ServiceArn.type)]

    def cluster(self, id):
        return id.split("/")[-2]

    def change(self, aws, id):
        aws("ecs").update_service(cluster=self.cluster(id), service=id, desiredCount=3)
        return [self.updated(aws, id, "/desiredCount", value=3)]

    def delete(self, aws, id):
        aws("ecs").delete_service(cluster=self.cluster(id), service=id, force=True)
        return [self.updated(aws, id, "/status", value="INACTIVE")]  # AWS doesn't list it any more, moto does

    def ids(self, aws):
        return ServiceArn().ids(aws)


@kind
class LogGroup(Listed):
    type, service, operation, expression = "aws.logs.log_group", "logs", "describe_log_groups", "logGroups[].arn"

    def make(self, aws, name):
        aws("logs").create_log_group(logGroupName=f"/g/{name}")
        id, = aws.has("logs", self.operation, self.expression, logGroupNamePrefix=f"/g/{name}")
        return [self.created(aws, id)]

    def name(self, id):
        return id.split(":log-group:")[1].removesuffix(":*")

    def change(self, aws, id):
        aws("logs").put_retention_policy(logGroupName=self.name(id), retentionInDays=7)
        return [self.updated(aws, id, "/retentionInDays", value=7)]

    def delete(self, aws, id):
        aws("logs").delete_log_group(logGroupName=self.name(id))
        return [self.deleted(aws, id)]


@kind
class QueueUrl(Named):
    type, service, operation, expression = "aws.sqs.queue_url", "sqs", "list_queues", "QueueUrls[]"


@kind
class Queue(Kind):
    type = "aws.sqs.queue"

    def arn(self, aws, url):
        return aws("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def url(self, aws, id):
        return aws("sqs").get_queue_url(QueueName=id.split(":")[-1])["QueueUrl"]

    def make(self, aws, name):
        url = aws("sqs").create_queue(QueueName=f"q-{name}")["QueueUrl"]
        return [self.created(aws, self.arn(aws, url)), self.created(aws, url, QueueUrl.type)]

    def change(self, aws, id):
        aws("sqs").set_queue_attributes(QueueUrl=self.url(aws, id), Attributes={"Policy": lets_everybody("sqs:SendMessage", id)})
        return [self.updated(aws, id, "/Attributes/(Policy|LastModifiedTimestamp)")]

    def delete(self, aws, id):
        url = self.url(aws, id)
        aws("sqs").delete_queue(QueueUrl=url)
        return [self.deleted(aws, id), self.deleted(aws, url, QueueUrl.type)]

    def ids(self, aws):
        return [self.arn(aws, url) for url in QueueUrl().ids(aws)]


@kind
class Secret(Listed):
    type, service, operation, expression = "aws.secretsmanager.secret", "secretsmanager", "list_secrets", "SecretList[].ARN"

    def make(self, aws, name):
        id = aws("secretsmanager").create_secret(Name=f"s-{name}", SecretString="not to be seen")["ARN"]
        return [self.created(aws, id), self.created(aws, id, ResourcePolicy.type)]

    def change(self, aws, id):
        aws("secretsmanager").update_secret(SecretId=id, Description="changed")
        return [self.updated(aws, id, "/(Description|LastChangedDate)", value="changed")]

    def delete(self, aws, id):
        aws("secretsmanager").delete_secret(SecretId=id, ForceDeleteWithoutRecovery=True)
        return [self.deleted(aws, id), self.deleted(aws, id, ResourcePolicy.type)]


@kind
class ResourcePolicy(Kind):
    """AWS answers for each secret; without a policy, with the secret's name alone."""
    type, after = "aws.secretsmanager.resource_policy", ("aws.secretsmanager.secret",)

    def make(self, aws, name):
        aws.made[self.type, name] = aws.made["aws.secretsmanager.secret", name]
        return []

    def change(self, aws, id):
        aws("secretsmanager").put_resource_policy(SecretId=id, ResourcePolicy=lets_everybody("secretsmanager:GetSecretValue"))
        return [self.updated(aws, id, "/ResourcePolicy")]

    def delete(self, aws, id):
        return []

    def ids(self, aws):
        return Secret().ids(aws)


@kind
class Trail(Listed):
    type, service, operation, expression = "aws.cloudtrail.trail", "cloudtrail", "describe_trails", "trailList[].TrailARN"
    arguments, after = {"includeShadowTrails": False}, ("aws.s3.bucket",)

    def make(self, aws, name):
        id = aws("cloudtrail").create_trail(Name=f"t-{name}", S3BucketName=aws.made["aws.s3.bucket", name])["TrailARN"]
        return [self.created(aws, id), self.created(aws, id, TrailStatus.type)]

    def change(self, aws, id):
        aws("cloudtrail").update_trail(Name=id.split("/")[-1], IsMultiRegionTrail=True)
        return [self.updated(aws, id, "/IsMultiRegionTrail", value=True)]

    def delete(self, aws, id):
        aws("cloudtrail").delete_trail(Name=id.split("/")[-1])
        return [self.deleted(aws, id), self.deleted(aws, id, TrailStatus.type)]


@kind
class TrailStatus(Kind):
    type, after = "aws.cloudtrail.trail_status", ("aws.cloudtrail.trail",)

    def make(self, aws, name):
        aws.made[self.type, name] = aws.made["aws.cloudtrail.trail", name]
        return []

    def change(self, aws, id):
        aws("cloudtrail").start_logging(Name=id.split("/")[-1])
        return [self.updated(aws, id, "/", value=True)]

    def delete(self, aws, id):
        return []

    def ids(self, aws):
        return Trail().ids(aws)
