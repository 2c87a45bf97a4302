"""Another owner's tag on a certificate."""

import sys

import boto3

boto3.client("acm").add_tags_to_certificate(
    CertificateArn=sys.argv[1], Tags=[{"Key": "Owner", "Value": "somebody else"}]
)
