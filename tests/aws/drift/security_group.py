"""Lets everything out again."""

import sys

import boto3

boto3.client("ec2").authorize_security_group_egress(
    GroupId=sys.argv[1],
    IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}],
)
