"""Somebody gives the add-on another tag's value."""

import sys

import boto3

eks = boto3.client("eks")
cluster, name = sys.argv[1].split("/", 1)
arn = eks.describe_addon(clusterName=cluster, addonName=name)["addon"]["addonArn"]
eks.tag_resource(resourceArn=arn, tags={"Environment": "somebody else's"})
