"""Allows everything, in a version of its own."""

import json
import sys

import boto3

iam = boto3.client("iam")
document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
iam.create_policy_version(PolicyArn=sys.argv[1], PolicyDocument=json.dumps(document), SetAsDefault=True)
