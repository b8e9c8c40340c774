"""What the actor does in EC2. Ids are those of EC2; paths are those of its XML."""

from actor import Listed, kind

SUBNET_CIDRS = iter(f"172.31.{n}.0/28" for n in range(100, 250))


def tag(aws, id, value="changed"):
    aws("ec2").create_tags(Resources=[id], Tags=[{"Key": "state", "Value": value}])


def default_vpc(aws):
    return aws.has("ec2", "describe_vpcs", "Vpcs[?IsDefault].VpcId")[0]


def default_subnets(aws):
    return sorted(aws.has("ec2", "describe_subnets", "Subnets[?DefaultForAz].SubnetId"))


class Ec2(Listed):
    """By default it is changed by a tag."""

    service = "ec2"

    def change(self, aws, id):
        tag(aws, id)
        return [self.updated(aws, id, "/tagSet", value={"key": "state", "value": "changed"})]


@kind
class Vpc(Ec2):
    type, operation, expression = "aws.ec2.vpc", "describe_vpcs", "Vpcs[].VpcId"

    def make(self, aws, name):
        id = aws("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
        return [self.created(aws, id), *self.brings(aws, id, self.created)]

    def brings(self, aws, id, claim):
        """What comes and goes with a VPC: its first security group, route table and network ACL."""
        here = [{"Name": "vpc-id", "Values": [id]}]
        return [claim(aws, one, type=type) for type, operation, expression in (
            ("aws.ec2.security_group", "describe_security_groups", "SecurityGroups[?GroupName=='default'].GroupId"),
            ("aws.ec2.route_table", "describe_route_tables", "RouteTables[].RouteTableId"),
            ("aws.ec2.network_acl", "describe_network_acls", "NetworkAcls[].NetworkAclId"))
            for one in aws.has("ec2", operation, expression, Filters=here)]

    def change(self, aws, id):
        aws("ec2").associate_vpc_cidr_block(VpcId=id, CidrBlock="10.2.0.0/16")
        return [self.updated(aws, id, "/cidrBlockAssociationSet", value="10.2.0.0/16"),
                *(self.updated(aws, one.id, "/routeSet", value="10.2.0.0/16", type=one.type)
                  for one in self.brings(aws, id, self.updated) if one.type == "aws.ec2.route_table")]

    def delete(self, aws, id):
        brought = self.brings(aws, id, self.deleted)
        aws("ec2").delete_vpc(VpcId=id)
        # moto forgets the network ACL.
        return [self.deleted(aws, id), *(one for one in brought if one.type != "aws.ec2.network_acl")]


@kind
class SecurityGroup(Ec2):
    type, operation, expression = "aws.ec2.security_group", "describe_security_groups", "SecurityGroups[].GroupId"

    def make(self, aws, name):
        return [self.created(aws, aws("ec2").create_security_group(GroupName=f"g-{name}", Description=name)["GroupId"])]

    def change(self, aws, id):
        return self.open(aws, id, 22)

    def open(self, aws, id, port):
        """Open a port to everybody."""
        aws("ec2").authorize_security_group_ingress(GroupId=id, IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}])
        return [self.updated(aws, id, "/ipPermissions", value={"fromPort": str(port), "toPort": str(port)})]

    def delete(self, aws, id):
        aws("ec2").delete_security_group(GroupId=id)
        return [self.deleted(aws, id)]


@kind
class Subnet(Ec2):
    type, operation, expression = "aws.ec2.subnet", "describe_subnets", "Subnets[].SubnetId"

    def make(self, aws, name):
        id = aws("ec2").create_subnet(VpcId=default_vpc(aws), CidrBlock=next(SUBNET_CIDRS))["Subnet"]["SubnetId"]
        return [self.created(aws, id), *self.joins(aws)]

    def joins(self, aws):
        """A subnet is in the associations of its VPC's network ACL. (moto doesn't take it out of them again.)"""
        acl, = aws.has("ec2", "describe_network_acls", "NetworkAcls[?IsDefault].NetworkAclId",
                       Filters=[{"Name": "vpc-id", "Values": [default_vpc(aws)]}])
        return [self.updated(aws, acl, "/associationSet", type="aws.ec2.network_acl")]

    def change(self, aws, id):
        aws("ec2").modify_subnet_attribute(SubnetId=id, MapPublicIpOnLaunch={"Value": True})
        return [self.updated(aws, id, "/mapPublicIpOnLaunch", value="true")]

    def delete(self, aws, id):
        aws("ec2").delete_subnet(SubnetId=id)
        return [self.deleted(aws, id)]


@kind
class RouteTable(Ec2):
    type, operation, expression = "aws.ec2.route_table", "describe_route_tables", "RouteTables[].RouteTableId"

    def make(self, aws, name):
        return [self.created(aws, aws("ec2").create_route_table(VpcId=default_vpc(aws))["RouteTable"]["RouteTableId"])]

    def change(self, aws, id):
        gateway = aws("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        aws("ec2").create_route(RouteTableId=id, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        return [self.updated(aws, id, "/routeSet", value={"destinationCidrBlock": "0.0.0.0/0", "gatewayId": gateway}),
                self.created(aws, gateway, "aws.ec2.internet_gateway")]

    def delete(self, aws, id):
        aws("ec2").delete_route_table(RouteTableId=id)
        return [self.deleted(aws, id)]


@kind
class NetworkAcl(Ec2):
    type, operation, expression = "aws.ec2.network_acl", "describe_network_acls", "NetworkAcls[].NetworkAclId"

    def make(self, aws, name):
        return [self.created(aws, aws("ec2").create_network_acl(VpcId=default_vpc(aws))["NetworkAcl"]["NetworkAclId"])]

    def change(self, aws, id):
        aws("ec2").create_network_acl_entry(NetworkAclId=id, RuleNumber=7, Protocol="6", RuleAction="allow", Egress=False,
                                            CidrBlock="0.0.0.0/0", PortRange={"From": 22, "To": 22})
        return [self.updated(aws, id, "/entrySet", value={"ruleNumber": "7", "ruleAction": "allow"})]

    def delete(self, aws, id):
        aws("ec2").delete_network_acl(NetworkAclId=id)
        return [self.deleted(aws, id)]


@kind
class NetworkInterface(Ec2):
    type, operation = "aws.ec2.network_interface", "describe_network_interfaces"
    expression = "NetworkInterfaces[].NetworkInterfaceId"

    def make(self, aws, name):
        made = aws("ec2").create_network_interface(SubnetId=default_subnets(aws)[0], Description=name)["NetworkInterface"]
        return [self.created(aws, made["NetworkInterfaceId"])]

    def delete(self, aws, id):
        aws("ec2").delete_network_interface(NetworkInterfaceId=id)
        return [self.deleted(aws, id)]


@kind
class InternetGateway(Ec2):
    type, operation = "aws.ec2.internet_gateway", "describe_internet_gateways"
    expression = "InternetGateways[].InternetGatewayId"
    after = ("aws.ec2.vpc",)

    def make(self, aws, name):
        return [self.created(aws, aws("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"])]

    def change(self, aws, id):
        aws("ec2").attach_internet_gateway(InternetGatewayId=id, VpcId=default_vpc(aws))
        return [self.updated(aws, id, "/attachmentSet", value={"vpcId": default_vpc(aws)})]

    def delete(self, aws, id):
        for attachment in aws("ec2").describe_internet_gateways(InternetGatewayIds=[id])["InternetGateways"][0]["Attachments"]:
            aws("ec2").detach_internet_gateway(InternetGatewayId=id, VpcId=attachment["VpcId"])
        aws("ec2").delete_internet_gateway(InternetGatewayId=id)
        return [self.deleted(aws, id)]


@kind
class Address(Ec2):
    type, operation, expression = "aws.ec2.address", "describe_addresses", "Addresses[].AllocationId"

    def make(self, aws, name):
        return [self.created(aws, aws("ec2").allocate_address(Domain="vpc")["AllocationId"])]

    def delete(self, aws, id):
        aws("ec2").release_address(AllocationId=id)
        return [self.deleted(aws, id)]


@kind
class NatGateway(Ec2):
    type, operation, expression = "aws.ec2.nat_gateway", "describe_nat_gateways", "NatGateways[].NatGatewayId"

    def make(self, aws, name):
        made = aws("ec2").create_nat_gateway(SubnetId=default_subnets(aws)[0], ConnectivityType="private")["NatGateway"]
        interface, = (one["NetworkInterfaceId"] for one in made["NatGatewayAddresses"])
        return [self.created(aws, made["NatGatewayId"]), self.created(aws, interface, "aws.ec2.network_interface")]

    def delete(self, aws, id):
        aws("ec2").delete_nat_gateway(NatGatewayId=id)
        return [self.updated(aws, id, "/state", value="deleted")]  # it is listed as deleted for a while


@kind
class KeyPair(Ec2):
    type, operation, expression = "aws.ec2.key_pair", "describe_key_pairs", "KeyPairs[].KeyPairId"

    def make(self, aws, name):
        return [self.created(aws, aws("ec2").create_key_pair(KeyName=f"k-{name}")["KeyPairId"])]

    def delete(self, aws, id):
        name, = aws.has("ec2", "describe_key_pairs", f"KeyPairs[?KeyPairId=='{id}'].KeyName")
        aws("ec2").delete_key_pair(KeyName=name)
        return [self.deleted(aws, id)]


@kind
class Peering(Ec2):
    type, operation = "aws.ec2.vpc_peering_connection", "describe_vpc_peering_connections"
    expression, after = "VpcPeeringConnections[].VpcPeeringConnectionId", ("aws.ec2.vpc",)

    def make(self, aws, name):
        made = aws("ec2").create_vpc_peering_connection(VpcId=default_vpc(aws), PeerVpcId=aws.made["aws.ec2.vpc", name])
        return [self.created(aws, made["VpcPeeringConnection"]["VpcPeeringConnectionId"])]

    def change(self, aws, id):
        aws("ec2").accept_vpc_peering_connection(VpcPeeringConnectionId=id)
        return [self.updated(aws, id, "/status", value="active")]

    def delete(self, aws, id):
        aws("ec2").delete_vpc_peering_connection(VpcPeeringConnectionId=id)
        return [self.updated(aws, id, "/status", value="deleted")]  # it is listed as deleted for a while


@kind
class Endpoint(Ec2):
    type, operation, expression = "aws.ec2.vpc_endpoint", "describe_vpc_endpoints", "VpcEndpoints[].VpcEndpointId"

    def make(self, aws, name):
        made = aws("ec2").create_vpc_endpoint(VpcId=default_vpc(aws), ServiceName=f"com.amazonaws.{aws.region}.s3", VpcEndpointType="Gateway")
        return [self.created(aws, made["VpcEndpoint"]["VpcEndpointId"])]

    def delete(self, aws, id):
        aws("ec2").delete_vpc_endpoints(VpcEndpointIds=[id])
        return [self.updated(aws, id, "/state", value="deleted")]  # it is listed as deleted for a while


@kind
class LaunchTemplate(Ec2):
    type, operation = "aws.ec2.launch_template", "describe_launch_templates"
    expression = "LaunchTemplates[].LaunchTemplateId"

    def make(self, aws, name):
        made = aws("ec2").create_launch_template(LaunchTemplateName=f"t-{name}", LaunchTemplateData={"ImageId": "ami-12345678"})
        return [self.created(aws, made["LaunchTemplate"]["LaunchTemplateId"])]

    def change(self, aws, id):
        aws("ec2").create_launch_template_version(LaunchTemplateId=id, LaunchTemplateData={"ImageId": "ami-87654321"})
        return [self.updated(aws, id, "/latestVersionNumber", value="2")]

    def delete(self, aws, id):
        aws("ec2").delete_launch_template(LaunchTemplateId=id)
        return [self.deleted(aws, id)]


@kind
class FlowLog(Ec2):
    type, operation, expression = "aws.ec2.flow_log", "describe_flow_logs", "FlowLogs[].FlowLogId"
    after = ("aws.s3.bucket",)

    def make(self, aws, name):
        made = aws("ec2").create_flow_logs(ResourceIds=[default_vpc(aws)], ResourceType="VPC", TrafficType="ALL", LogDestinationType="s3",
                                           LogDestination=f"arn:aws:s3:::{aws.made['aws.s3.bucket', name]}")
        return [self.created(aws, made["FlowLogIds"][0])]

    def delete(self, aws, id):
        aws("ec2").delete_flow_logs(FlowLogIds=[id])
        return [self.deleted(aws, id)]
