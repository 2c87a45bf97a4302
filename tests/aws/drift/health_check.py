"""A health check that asks for another path."""

import sys

import boto3

boto3.client("route53").update_health_check(HealthCheckId=sys.argv[1], ResourcePath="/elsewhere")
