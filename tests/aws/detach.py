"""Detaches an internet gateway from its VPC: argv[1] is its id."""

import sys

import boto3

ec2 = boto3.client("ec2")
gateway = ec2.describe_internet_gateways(InternetGatewayIds=[sys.argv[1]])["InternetGateways"][0]
ec2.detach_internet_gateway(InternetGatewayId=sys.argv[1], VpcId=gateway["Attachments"][0]["VpcId"])
