"""A target group that is checked less often."""

import sys

import boto3

boto3.client("elbv2").modify_target_group(TargetGroupArn=sys.argv[1], HealthCheckIntervalSeconds=30)
