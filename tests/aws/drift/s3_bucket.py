"""Opens a bucket."""

import sys

import boto3

boto3.client("s3").delete_public_access_block(Bucket=sys.argv[1])
