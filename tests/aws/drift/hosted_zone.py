"""Another owner's tag on a zone."""

import sys

import boto3

boto3.client("route53").change_tags_for_resource(
    ResourceType="hostedzone", ResourceId=sys.argv[1], AddTags=[{"Key": "Owner", "Value": "somebody else"}]
)
