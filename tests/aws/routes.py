"""Prints every route that leads out of a VPC, with its state."""

import json

import boto3

for region in ("us-east-1", "eu-west-1"):
    ec2 = boto3.client("ec2", region_name=region)
    gone = [one["NatGatewayId"] for one in ec2.describe_nat_gateways()["NatGateways"] if one["State"] == "deleted"]
    for table in ec2.describe_route_tables()["RouteTables"]:
        for route in table["Routes"]:
            state = "blackhole" if route.get("NatGatewayId") in gone else route.get("State")
            print(json.dumps([region, table["RouteTableId"], route.get("DestinationCidrBlock"), state]))
