"""Gives it another name: detached it can't be while public addresses are in use."""

import sys

import boto3

boto3.client("ec2").create_tags(Resources=[sys.argv[1]], Tags=[{"Key": "Name", "Value": "somebody else"}])
