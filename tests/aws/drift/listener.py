"""A listener that answers by itself."""

import sys

import boto3

action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "503", "ContentType": "text/plain"}}
boto3.client("elbv2").modify_listener(ListenerArn=sys.argv[1], DefaultActions=[action])
