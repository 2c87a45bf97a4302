"""Takes one of its route tables or subnets away."""

import sys

import boto3

ec2 = boto3.client("ec2")
endpoint = ec2.describe_vpc_endpoints(VpcEndpointIds=[sys.argv[1]])["VpcEndpoints"][0]
if endpoint["VpcEndpointType"] == "Gateway":
    less = {"RemoveRouteTableIds": endpoint["RouteTableIds"][:1]}
else:
    less = {"RemoveSubnetIds": endpoint["SubnetIds"][:1]}
ec2.modify_vpc_endpoint(VpcEndpointId=sys.argv[1], **less)
