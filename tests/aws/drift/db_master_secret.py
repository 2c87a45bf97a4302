"""Another description."""

import sys

import boto3

boto3.client("secretsmanager").update_secret(SecretId=sys.argv[1], Description="somebody else's")
