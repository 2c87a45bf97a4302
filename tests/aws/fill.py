"""Puts objects, versions and deletion marks into the bucket argv[1].

moto takes a policy's denial without its condition, so the policy goes first.
"""

import sys

import boto3

s3, bucket = boto3.client("s3"), sys.argv[1]
s3.delete_bucket_policy(Bucket=bucket)
s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
for number in range(20):
    for version in range(2):
        s3.put_object(Bucket=bucket, Key=f"AWSLogs/{number}", Body=f"{version}".encode())
s3.delete_object(Bucket=bucket, Key="AWSLogs/0")
