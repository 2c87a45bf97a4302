"""Turns DNS names inside the VPC off."""

import sys

import boto3

boto3.client("ec2").modify_vpc_attribute(VpcId=sys.argv[1], EnableDnsHostnames={"Value": False})
