"""Snapshots kept for a day."""

import sys

import boto3

boto3.client("elasticache").modify_replication_group(
    ReplicationGroupId=sys.argv[1], SnapshotRetentionLimit=1, ApplyImmediately=True
)
