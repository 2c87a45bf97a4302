"""A load balancer that keeps silent connections for longer."""

import sys

import boto3

boto3.client("elbv2").modify_load_balancer_attributes(
    LoadBalancerArn=sys.argv[1], Attributes=[{"Key": "idle_timeout.timeout_seconds", "Value": "123"}]
)
