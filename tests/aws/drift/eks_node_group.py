"""Somebody lets the group grow beyond its bounds."""

import sys

import boto3

eks = boto3.client("eks")
cluster, name = sys.argv[1].split("/", 1)
scaling = eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]["scalingConfig"]
scaling["maxSize"] += 7
eks.update_nodegroup_config(clusterName=cluster, nodegroupName=name, scalingConfig=scaling)
