"""A smaller pool."""

import sys

import boto3

boto3.client("rds").modify_db_proxy_target_group(
    DBProxyName=sys.argv[1].split("/")[0],
    TargetGroupName="default",
    ConnectionPoolConfig={"MaxConnectionsPercent": 11, "MaxIdleConnectionsPercent": 5},
)
