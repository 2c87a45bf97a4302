"""A rule for another path."""

import sys

import boto3

condition = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/elsewhere"]}}
boto3.client("elbv2").modify_rule(RuleArn=sys.argv[1], Conditions=[condition])
