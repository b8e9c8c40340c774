"""What the actor does in Lambda, EKS, API Gateway and Route 53."""

import io
import json
import zipfile

from actor import Kind, Listed, kind
from actor_ec2 import default_subnets


def package():
    """A function's code."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("f.py", "def handler(event, context): return event\n")
    return out.getvalue()


@kind
class Function(Listed):
    type, after = "aws.lambda.function", ("aws.iam.role",)
    service, operation, expression = "lambda", "list_functions", "Functions[].FunctionArn"

    def make(self, aws, name):
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        made = aws("iam").get_role(RoleName=f"r-{name}")["Role"]["Arn"]
        aws("iam").update_assume_role_policy(RoleName=f"r-{name}", PolicyDocument=json.dumps(trust))
        return [self.created(aws, aws("lambda").create_function(
            FunctionName=f"f-{name}", Runtime="python3.12", Role=made, Handler="f.handler", Code={"ZipFile": package()},
            Environment={"Variables": {"SECRET": "not to be seen"}})["FunctionArn"])]

    def change(self, aws, id):
        aws("lambda").update_function_configuration(FunctionName=id, Timeout=30)
        return [self.updated(aws, id, "/(Timeout|LastModified|RevisionId)", value=30)]

    def delete(self, aws, id):
        aws("lambda").delete_function(FunctionName=id)
        return [self.deleted(aws, id)]


@kind
class FunctionPolicy(Kind):
    type, after = "aws.lambda.policy", ("aws.lambda.function",)

    def grant(self, aws, id, statement):
        aws("lambda").add_permission(FunctionName=id, StatementId=statement, Action="lambda:InvokeFunction", Principal="*")

    def make(self, aws, name):
        id = aws.made["aws.lambda.function", name]
        self.grant(aws, id, "one")
        return [self.created(aws, id)]

    def change(self, aws, id):
        self.grant(aws, id, "two")
        return [self.updated(aws, id, "/(Policy|RevisionId)")]

    def delete(self, aws, id):
        for statement in json.loads(aws("lambda").get_policy(FunctionName=id)["Policy"])["Statement"]:
            aws("lambda").remove_permission(FunctionName=id, StatementId=statement["Sid"])
        return [self.deleted(aws, id)] if id not in self.ids(aws) else [self.updated(aws, id, "/(Policy|RevisionId)")]

    def ids(self, aws):
        found = []
        for function in Function().ids(aws):
            try:
                aws("lambda").get_policy(FunctionName=function)
                found.append(function)
            except aws("lambda").exceptions.ResourceNotFoundException:
                pass
        return found


@kind
class EksClusterName(Listed):
    type = "aws.eks.cluster_name"
    service, operation, expression = "eks", "list_clusters", "clusters[]"

    def make(self, aws, name):
        return []


@kind
class EksCluster(Kind):
    type, after = "aws.eks.cluster", ("aws.iam.role",)

    def make(self, aws, name):
        made = aws("eks").create_cluster(name=f"e-{name}", roleArn=aws("iam").get_role(RoleName=f"r-{name}")["Role"]["Arn"],
                                         resourcesVpcConfig={"subnetIds": default_subnets(aws)[:2]})["cluster"]["arn"]
        return [self.created(aws, made), self.created(aws, f"e-{name}", EksClusterName.type)]

    def change(self, aws, id):
        aws("eks").update_cluster_config(name=id.split("/")[-1], resourcesVpcConfig={
            "endpointPublicAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]})
        return [self.updated(aws, id, "/cluster/(resourcesVpcConfig|clientRequestToken)", value=["0.0.0.0/0"])]

    def delete(self, aws, id):
        name = id.split("/")[-1]
        aws("eks").delete_cluster(name=name)
        return [self.deleted(aws, id), self.deleted(aws, name, EksClusterName.type)]

    def ids(self, aws):
        return [aws("eks").describe_cluster(name=name)["cluster"]["arn"] for name in EksClusterName().ids(aws)]


@kind
class RestApi(Listed):
    type = "aws.apigateway.rest_api"
    service, operation, expression = "apigateway", "get_rest_apis", "items[].id"

    def make(self, aws, name):
        return [self.created(aws, aws("apigateway").create_rest_api(name=f"a-{name}")["id"])]

    def change(self, aws, id):
        aws("apigateway").update_rest_api(restApiId=id, patchOperations=[{"op": "replace", "path": "/description", "value": "changed"}])
        return [self.updated(aws, id, "/description", value="changed")]

    def delete(self, aws, id):
        aws("apigateway").delete_rest_api(restApiId=id)
        return [self.deleted(aws, id)]


@kind
class Stage(Kind):
    """A stage's id is its name, in its API."""
    type, after = "aws.apigateway.stage", ("aws.apigateway.rest_api",)

    def make(self, aws, name):
        api, client = aws.made["aws.apigateway.rest_api", name], aws("apigateway")
        root = client.get_resources(restApiId=api)["items"][0]["id"]
        client.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
        client.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
        deployment = client.create_deployment(restApiId=api)["id"]
        client.create_stage(restApiId=api, stageName=f"s-{name}", deploymentId=deployment)
        return [self.created(aws, f"s-{name}")]

    def api(self, aws, id):
        return aws.made["aws.apigateway.rest_api", id.removeprefix("s-")]

    def change(self, aws, id):
        aws("apigateway").update_stage(restApiId=self.api(aws, id), stageName=id,
                                       patchOperations=[{"op": "replace", "path": "/tracingEnabled", "value": "true"}])
        return [self.updated(aws, id, "/tracingEnabled", value=True)]

    def delete(self, aws, id):
        aws("apigateway").delete_stage(restApiId=self.api(aws, id), stageName=id)
        return [self.deleted(aws, id)]

    def ids(self, aws):
        return [stage["stageName"] for api in aws.has("apigateway", "get_rest_apis", "items[].id")
                for stage in aws("apigateway").get_stages(restApiId=api)["item"]]


@kind
class HostedZone(Listed):
    type, regional = "aws.route53.hosted_zone", False
    service, operation, expression = "route53", "list_hosted_zones", "HostedZones[].Id"

    def make(self, aws, name):
        zone = f"{name}-{aws.region}.example."
        id = aws("route53").create_hosted_zone(Name=zone, CallerReference=zone)["HostedZone"]["Id"]
        return [self.created(aws, id), *(self.created(aws, f"{zone}/{type}/", RecordSet.type) for type in ("NS", "SOA"))]

    def change(self, aws, id):
        aws("route53").update_hosted_zone_comment(Id=id, Comment="changed")
        return [self.updated(aws, id, "/Config", value="changed")]

    def delete(self, aws, id):
        zone = aws("route53").get_hosted_zone(Id=id)["HostedZone"]["Name"]
        aws("route53").delete_hosted_zone(Id=id)
        return [self.deleted(aws, id), *(self.deleted(aws, f"{zone}/{type}/", RecordSet.type) for type in ("NS", "SOA"))]


@kind
class RecordSet(Kind):
    type, regional, after = "aws.route53.record_set", False, ("aws.route53.hosted_zone",)

    def zone(self, aws, id):
        return aws.has("route53", "list_hosted_zones", f"HostedZones[?Name=='{id.split('/')[0].partition('.')[2]}'].Id")[0]

    def put(self, aws, action, id, value):
        name, type, _ = id.split("/")
        record = {"Name": name, "Type": type, "TTL": 60, "ResourceRecords": [{"Value": value}]}
        aws("route53").change_resource_record_sets(HostedZoneId=self.zone(aws, id), ChangeBatch={
            "Changes": [{"Action": action, "ResourceRecordSet": record}]})

    def make(self, aws, name):
        id = f"www.{name}-{aws.region}.example./A/"
        self.put(aws, "CREATE", id, "192.0.2.1")
        return [self.created(aws, id)]

    def change(self, aws, id):
        self.put(aws, "UPSERT", id, "192.0.2.2")
        return [self.updated(aws, id, "/ResourceRecords", value="192.0.2.2")]

    def delete(self, aws, id):
        value, = aws.has("route53", "list_resource_record_sets", f"ResourceRecordSets[?Name=='{id.split('/')[0]}'].ResourceRecords[0].Value",
                         HostedZoneId=self.zone(aws, id))
        self.put(aws, "DELETE", id, value)
        return [self.deleted(aws, id)]

    def ids(self, aws):
        return [f"{one['Name']}/{one['Type']}/{one.get('SetIdentifier', '')}" for zone in HostedZone().ids(aws)
                for one in aws.has("route53", "list_resource_record_sets", "ResourceRecordSets[]", HostedZoneId=zone)]
