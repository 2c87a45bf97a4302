"""Keeps its entries for ever."""

import sys

import boto3

boto3.client("logs").delete_retention_policy(logGroupName=sys.argv[1])
