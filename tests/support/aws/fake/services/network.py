"""What uses a subnet or a security group, and EC2's refusals to delete what is in use."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from . import common


def violation(message):
    return AwsError("DependencyViolation", message)


def users(call):
    """(what, subnet ids, security group ids) of everything that has network interfaces in a VPC."""
    found = []
    for nat in call.aws("ec2", "DescribeNatGateways").get("NatGateways", []):
        if nat["State"] != "deleted":
            found.append((nat["NatGatewayId"], [nat["SubnetId"]], []))
    for point in call.aws("ec2", "DescribeVpcEndpoints").get("VpcEndpoints", []):
        groups = [group["GroupId"] for group in point.get("Groups", [])]
        found.append((point["VpcEndpointId"], point.get("SubnetIds", []), groups))
    for balancer in call.aws("elbv2", "DescribeLoadBalancers").get("LoadBalancers", []):
        subnets = [zone["SubnetId"] for zone in balancer.get("AvailabilityZones", [])]
        found.append((balancer["LoadBalancerName"], subnets, balancer.get("SecurityGroups", [])))
    for card in call.aws("ec2", "DescribeNetworkInterfaces").get("NetworkInterfaces", []):
        groups = [group["GroupId"] for group in card.get("Groups", [])]
        found.append((card["NetworkInterfaceId"], [card["SubnetId"]], groups))
    return found + own_users(call)


def own_users(call):
    """The same of EKS, RDS and ElastiCache."""
    found = []
    for name, cluster in common.alive(call, call.table("clusters", service="eks")):
        config = cluster["resourcesVpcConfig"]
        found.append((name, config["subnetIds"], config["securityGroupIds"] + [config["clusterSecurityGroupId"]]))
    for key, group in common.alive(call, call.table("nodegroups", service="eks")):
        found.append((key, group["subnets"], []))
    subnet_groups = call.table("subnet_groups", service="rds")
    clusters = call.table("clusters", service="rds")
    for name, instance in common.alive(call, call.table("instances", service="rds")):
        cluster = clusters.get(instance["DBClusterIdentifier"], {"VpcSecurityGroups": []})
        subnets = [
            subnet["SubnetIdentifier"]
            for subnet in subnet_groups.get(instance["_subnet_group"], {"Subnets": []})["Subnets"]
            if subnet["SubnetAvailabilityZone"]["Name"] == instance["AvailabilityZone"]
        ]
        found.append((name, subnets, [group["VpcSecurityGroupId"] for group in cluster["VpcSecurityGroups"]]))
    for name, cluster in common.alive(call, clusters):
        found.append((name, [], [group["VpcSecurityGroupId"] for group in cluster["VpcSecurityGroups"]]))
    for name, proxy in common.alive(call, call.table("proxies", service="rds")):
        found.append((name, proxy["VpcSubnetIds"], proxy["VpcSecurityGroupIds"]))
    cache_groups = call.table("subnet_groups", service="elasticache")
    for name, group in common.alive(call, call.table("groups", service="elasticache")):
        subnets = cache_groups.get(group["_subnet_group"], {"Subnets": []})["Subnets"]
        found.append((name, [subnet["SubnetIdentifier"] for subnet in subnets], group["_security_groups"]))
    return found


@operation("ec2", "DeleteSecurityGroup")
def delete_security_group(call):
    group = call.params.get("GroupId")
    if group:
        described = call.try_aws("ec2", "DescribeSecurityGroups", GroupIds=[group])
        if described and described["SecurityGroups"][0]["GroupName"] == "default":
            raise AwsError("CannotDelete", f"the specified group: \"{group}\" name: \"default\" cannot be deleted by a user")
        for name, _, groups in users(call):
            if group in groups:
                raise violation(f"resource {group} has a dependent object")
        for other in call.aws("ec2", "DescribeSecurityGroups")["SecurityGroups"]:
            if other["GroupId"] != group and group in referred(other):
                raise violation(f"resource {group} has a dependent object")
    return call.raw() if call.request else call.moto()


def referred(group):
    return {
        pair.get("GroupId")
        for permissions in (group.get("IpPermissions", []), group.get("IpPermissionsEgress", []))
        for permission in permissions
        for pair in permission.get("UserIdGroupPairs", [])
    }


@operation("ec2", "DeleteSubnet")
def delete_subnet(call):
    subnet = call.params["SubnetId"]
    if any(subnet in subnets for _, subnets, _ in users(call)):
        raise violation(f"The subnet '{subnet}' has dependencies and cannot be deleted.")
    return call.raw() if call.request else call.moto()


@operation("ec2", "DeleteVpc")
def delete_vpc(call):
    vpc = call.params["VpcId"]
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    described = (
        call.aws("ec2", "DescribeSubnets", Filters=of_vpc)["Subnets"],
        [g for g in call.aws("ec2", "DescribeSecurityGroups", Filters=of_vpc)["SecurityGroups"] if g["GroupName"] != "default"],
        [t for t in call.aws("ec2", "DescribeRouteTables", Filters=of_vpc)["RouteTables"] if not is_main(t)],
        call.aws("ec2", "DescribeVpcEndpoints", Filters=of_vpc).get("VpcEndpoints", []),
        [
            gateway
            for gateway in call.aws("ec2", "DescribeInternetGateways")["InternetGateways"]
            if any(attachment["VpcId"] == vpc for attachment in gateway.get("Attachments", []))
        ],
    )
    if any(described):
        raise violation(f"The vpc '{vpc}' has dependencies and cannot be deleted.")
    return call.raw() if call.request else call.moto()


def is_main(table):
    return any(association.get("Main") for association in table.get("Associations", []))


@operation("ec2", "DetachInternetGateway")
def detach_gateway(call):
    vpc = call.params.get("VpcId")
    for nat in call.aws("ec2", "DescribeNatGateways").get("NatGateways", []):
        if nat["VpcId"] == vpc and nat["State"] != "deleted" and nat.get("ConnectivityType", "public") == "public":
            raise violation(f"Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway.")
    return call.raw() if call.request else call.moto()


@operation("ec2", "ReleaseAddress")
def release_address(call):
    allocation = call.params.get("AllocationId")
    for nat in call.aws("ec2", "DescribeNatGateways").get("NatGateways", []):
        used = [address.get("AllocationId") for address in nat.get("NatGatewayAddresses", [])]
        if allocation in used and nat["State"] != "deleted":
            raise AwsError("InvalidIPAddress.InUse", f"Address {allocation} is in use.")
    return call.raw() if call.request else call.moto()


@operation("ec2", "CreateVpc")
def create_vpc(call):
    refuse_over_quota(call, "vpc:L-F678F1CE", "DescribeVpcs", "Vpcs", "VpcLimitExceeded", "VPCs")
    return call.raw() if call.request else call.moto()


@operation("ec2", "AllocateAddress")
def allocate_address(call):
    refuse_over_quota(call, "ec2:L-0263D0A3", "DescribeAddresses", "Addresses", "AddressLimitExceeded", "addresses")
    return call.raw() if call.request else call.moto()


def refuse_over_quota(call, quota, describe, member, code, what):
    """Only quotas set by the configuration are enforced."""
    limit = call.world.config["quotas"].get(quota)
    if limit is not None and len(call.aws("ec2", describe)[member]) >= limit:
        raise AwsError(code, f"The maximum number of {what} has been reached.")
