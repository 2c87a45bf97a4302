"""Another description."""

import sys

import boto3

rds = boto3.client("rds")
found = rds.describe_db_subnet_groups(DBSubnetGroupName=sys.argv[1])["DBSubnetGroups"][0]
rds.modify_db_subnet_group(
    DBSubnetGroupName=sys.argv[1],
    DBSubnetGroupDescription="somebody else's",
    SubnetIds=[subnet["SubnetIdentifier"] for subnet in found["Subnets"]],
)
