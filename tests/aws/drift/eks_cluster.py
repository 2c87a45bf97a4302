"""Somebody turns the audit log off."""

import sys

import boto3

setup = {"types": ["audit"], "enabled": False}
boto3.client("eks").update_cluster_config(name=sys.argv[1], logging={"clusterLogging": [setup]})
