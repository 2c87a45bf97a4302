"""Backups kept for a week."""

import sys

import boto3

boto3.client("rds").modify_db_cluster(DBClusterIdentifier=sys.argv[1], BackupRetentionPeriod=7, ApplyImmediately=True)
