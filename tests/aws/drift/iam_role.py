"""Allows more than was asked for: a policy too many."""

import json
import sys

import boto3

iam = boto3.client("iam")
document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
iam.put_role_policy(RoleName=sys.argv[1], PolicyName="by-hand", PolicyDocument=json.dumps(document))
