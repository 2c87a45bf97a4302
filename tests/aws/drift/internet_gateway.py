"""Gives it another owner by tag: EC2 refuses to detach it while addresses are mapped."""

import sys

import boto3

ec2 = boto3.client("ec2")
ec2.create_tags(Resources=[sys.argv[1]], Tags=[{"Key": "Owner", "Value": "somebody-else"}])
