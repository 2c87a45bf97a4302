"""Makes what Kubernetes' controllers make: argv is the cluster's name and its VPC."""

import sys

import boto3

cluster, vpc = sys.argv[1:]
ec2, elbv2 = boto3.client("ec2"), boto3.client("elbv2")
subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def specification(kind, made):
    return [{"ResourceType": kind, "Tags": made}]


controllers = tags(**{"elbv2.k8s.aws/cluster": cluster})
groups = [
    ec2.create_security_group(
        GroupName=f"k8s-{name}",
        Description="made by a controller",
        VpcId=vpc,
        TagSpecifications=specification("security-group", controllers),
    )["GroupId"]
    for name in ("traffic", "frontend")
]
for one, other in (groups, reversed(groups)):
    ec2.authorize_security_group_ingress(
        GroupId=one,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": other}]}
        ],
    )
balancer = elbv2.create_load_balancer(
    Name="k8s-billing",
    Subnets=[
        one["SubnetId"]
        for one in subnets
        if any(tag["Key"] == "kubernetes.io/role/elb" for tag in one["Tags"])
    ],
    SecurityGroups=groups,
    Tags=controllers,
)["LoadBalancers"][0]
target_group = elbv2.create_target_group(
    Name="k8s-billing", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", Tags=controllers
)["TargetGroups"][0]
elbv2.create_listener(
    LoadBalancerArn=balancer["LoadBalancerArn"],
    Protocol="HTTP",
    Port=80,
    DefaultActions=[{"Type": "forward", "TargetGroupArn": target_group["TargetGroupArn"]}],
)
for made in ({"cluster.k8s.amazonaws.com/name": cluster}, {"node.k8s.amazonaws.com/instance_id": "i-0123"}):
    ec2.create_network_interface(
        SubnetId=subnets[0]["SubnetId"], TagSpecifications=specification("network-interface", tags(**made))
    )
zone = subnets[0]["AvailabilityZone"]
for made in (
    {f"kubernetes.io/cluster/{cluster}": "owned"},
    {"ebs.csi.aws.com/cluster": "true", "KubernetesCluster": cluster},
    {"ebs.csi.aws.com/cluster": "true", "KubernetesCluster": "another"},
):
    ec2.create_volume(
        Size=1, AvailabilityZone=zone, TagSpecifications=specification("volume", tags(**made))
    )
