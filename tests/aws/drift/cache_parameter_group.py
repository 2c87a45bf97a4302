"""Keys that never leave."""

import sys

import boto3

boto3.client("elasticache").modify_cache_parameter_group(
    CacheParameterGroupName=sys.argv[1],
    ParameterNameValues=[{"ParameterName": "maxmemory-policy", "ParameterValue": "noeviction"}],
)
