"""Keeps entries for a day only."""

import sys

import boto3

boto3.client("logs").put_retention_policy(logGroupName=sys.argv[1], retentionInDays=1)
