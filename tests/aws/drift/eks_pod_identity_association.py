"""Somebody gives the pods the role of the nodes."""

import sys

import boto3

eks = boto3.client("eks")
cluster, association = sys.argv[1].split("/", 1)
group = eks.list_nodegroups(clusterName=cluster)["nodegroups"][0]
role = eks.describe_nodegroup(clusterName=cluster, nodegroupName=group)["nodegroup"]["nodeRole"]
eks.update_pod_identity_association(clusterName=cluster, associationId=association, roleArn=role)
