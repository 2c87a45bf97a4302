"""The control endpoints under `/_fake/`, and how the world is emptied."""

from __future__ import annotations

import json

from . import bridge, inventory, tokens
from .errors import AwsError
from .registry import Call
from .wire import Response


def answer(fake, request):
    """The control request's answer as JSON."""
    action = (request.method, request.path.removeprefix("/_fake/"))
    try:
        if action == ("POST", "config"):
            fake.world.configure(json.loads(request.body or b"{}"))
            return as_json(fake.world.config)
        if action == ("GET", "config"):
            return as_json(fake.world.config)
        if action == ("POST", "tokenreview"):
            return as_json(tokens.review(fake.world, json.loads(request.body)))
        if action == ("GET", "stats"):
            return as_json(stats(fake.world))
        if action == ("POST", "reset"):
            reset(fake)
            return as_json({})
        if action == ("GET", "inventory"):
            return as_json(inventory.everything(fake))
    except (KeyError, ValueError, TypeError) as why:
        return as_json({"error": str(why)}, 400)
    return as_json({"error": f"no such endpoint: {request.method} {request.path}"}, 404)


def as_json(value, status=200):
    return Response(status, {"Content-Type": "application/json"}, json.dumps(value, default=str).encode())


def stats(world):
    return {
        "operations": dict(sorted(world.operations.items())),
        "faults": dict(sorted(world.faults.items())),
        "measured": world.measured,
        "held": len(world.held),
        "silent": world.silent,
    }


def reset(fake):
    bridge.reset()
    fake.world.forget()
    empty_world(fake)


def empty_world(fake):
    """Takes out the default VPCs, so that a region begins with nothing."""
    for region in fake.world.config["regions"]:
        call = Call(fake, "ec2", region, "EmptyWorld", {})
        for vpc in call.aws("ec2", "DescribeVpcs")["Vpcs"]:
            empty_vpc(call, vpc["VpcId"])


def empty_vpc(call, vpc):
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    for gateway in call.aws("ec2", "DescribeInternetGateways")["InternetGateways"]:
        if any(attachment["VpcId"] == vpc for attachment in gateway["Attachments"]):
            identifier = gateway["InternetGatewayId"]
            call.aws("ec2", "DetachInternetGateway", InternetGatewayId=identifier, VpcId=vpc)
            call.aws("ec2", "DeleteInternetGateway", InternetGatewayId=identifier)
    for subnet in call.aws("ec2", "DescribeSubnets", Filters=of_vpc)["Subnets"]:
        bridge.call("ec2", call.region, "DeleteSubnet", {"SubnetId": subnet["SubnetId"]})
    try:
        bridge.call("ec2", call.region, "DeleteVpc", {"VpcId": vpc})
    except AwsError as why:
        raise RuntimeError(f"the default VPC can't be taken out: {why}") from why
