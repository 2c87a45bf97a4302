"""Another description."""

import sys

import boto3

boto3.client("rds").modify_db_subnet_group(
    DBSubnetGroupName=sys.argv[1],
    DBSubnetGroupDescription="somebody else's",
    SubnetIds=[
        subnet["SubnetIdentifier"]
        for subnet in boto3.client("rds").describe_db_subnet_groups(DBSubnetGroupName=sys.argv[1])["DBSubnetGroups"][0]["Subnets"]
    ],
)
