"""Somebody gives the pods another role."""

import sys

import boto3

trust = '{"Version": "2012-10-17", "Statement": []}'
made = boto3.client("iam").create_role(RoleName="drifted", AssumeRolePolicyDocument=trust)["Role"]
cluster, association = sys.argv[1].split("/", 1)
boto3.client("eks").update_pod_identity_association(
    clusterName=cluster, associationId=association, roleArn=made["Arn"]
)
