"""Takes its route out of the VPC away, and its subnets."""

import sys

import boto3

ec2 = boto3.client("ec2")
table = ec2.describe_route_tables(RouteTableIds=[sys.argv[1]])["RouteTables"][0]
ec2.delete_route(RouteTableId=sys.argv[1], DestinationCidrBlock="0.0.0.0/0")
for association in table["Associations"]:
    ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
