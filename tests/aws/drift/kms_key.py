"""Stops the yearly rotation."""

import sys

import boto3

boto3.client("kms").disable_key_rotation(KeyId=sys.argv[1])
