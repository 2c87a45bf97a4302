"""Turns the public addresses of what is launched there around."""

import sys

import boto3

ec2 = boto3.client("ec2")
on = ec2.describe_subnets(SubnetIds=[sys.argv[1]])["Subnets"][0]["MapPublicIpOnLaunch"]
ec2.modify_subnet_attribute(SubnetId=sys.argv[1], MapPublicIpOnLaunch={"Value": not on})
