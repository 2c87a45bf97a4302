"""Somebody makes an administrator."""

import sys

import boto3

cluster, principal = sys.argv[1].split("/", 1)
policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
boto3.client("eks").associate_access_policy(
    clusterName=cluster, principalArn=principal, policyArn=policy, accessScope={"type": "cluster"}
)
