"""Protected against deletion."""

import sys

import boto3

boto3.client("rds").modify_global_cluster(GlobalClusterIdentifier=sys.argv[1], DeletionProtection=True)
