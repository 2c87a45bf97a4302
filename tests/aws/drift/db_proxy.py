"""Silent clients are cut off sooner."""

import sys

import boto3

boto3.client("rds").modify_db_proxy(DBProxyName=sys.argv[1], IdleClientTimeout=60)
