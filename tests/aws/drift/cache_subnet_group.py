"""Another description."""

import sys

import boto3

boto3.client("elasticache").modify_cache_subnet_group(
    CacheSubnetGroupName=sys.argv[1], CacheSubnetGroupDescription="somebody else's"
)
