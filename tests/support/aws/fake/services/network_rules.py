"""EC2's client tokens, and the time that NAT gateways and endpoints take."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from ..world import public  # noqa: F401

TOKENED = ("CreateLaunchTemplate", "CreateLaunchTemplateVersion", "CreateFlowLogs", "CreateRouteTable", "CreateNetworkInterface")


def timed(call, table):
    """Items of our own that tell how far something of moto's is."""
    return call.world.state("ec2", call.region).setdefault(table, {})


def remembered(call):
    """The result of an earlier call with the same token, or None."""
    token = call.params.get("ClientToken")
    return timed(call, "tokens").get((call.operation, token)) if token else None


def remember(call, result):
    if call.params.get("ClientToken"):
        timed(call, "tokens")[(call.operation, call.params["ClientToken"])] = result
    return result


@operation("ec2", *TOKENED)
def with_token(call):
    old = remembered(call)
    return old if old is not None else remember(call, call.moto(ClientToken=None))


@operation("ec2", "CreateNatGateway")
def create_nat(call):
    old = remembered(call)
    if old is not None:
        return {**old, "NatGateway": seen_nat(call, old["NatGateway"])}
    for nat in call.aws("ec2", "DescribeNatGateways").get("NatGateways", []):
        used = [address.get("AllocationId") for address in nat.get("NatGatewayAddresses", [])]
        if call.params.get("AllocationId") in used and nat["State"] not in ("deleted", "failed"):
            raise AwsError("Resource.AlreadyAssociated", f"The resource {call.params['AllocationId']} is already associated")
    result = remember(call, call.moto())
    identifier = result["NatGateway"]["NatGatewayId"]
    timed(call, "nats")[identifier] = item = {}
    call.world.start(item, "creating", "ec2:nat", identifier)
    return {**result, "NatGateway": seen_nat(call, result["NatGateway"])}


def seen_nat(call, nat):
    item = timed(call, "nats").get(nat["NatGatewayId"])
    word = {"creating": "pending", "deleting": "deleting"}.get(call.world.phase(item)) if item else None
    return {**nat, "State": word} if word else nat


@operation("ec2", "DescribeNatGateways")
def describe_nats(call):
    states = [f for f in call.params.get("Filter") or [] if f["Name"] == "state"]
    others = [f for f in call.params.get("Filter") or [] if f["Name"] != "state"]
    result = call.moto(Filter=others or None)
    seen = [seen_nat(call, nat) for nat in result.get("NatGateways", [])]
    result["NatGateways"] = [nat for nat in seen if all(nat["State"] in wanted["Values"] for wanted in states)]
    return result


@operation("ec2", "DeleteNatGateway")
def delete_nat(call):
    identifier = call.params["NatGatewayId"]
    if not call.try_aws("ec2", "DescribeNatGateways", NatGatewayIds=[identifier]):
        raise AwsError("NatGatewayNotFound", f"NatGateway {identifier} was not found")
    item = timed(call, "nats").setdefault(identifier, {})
    if call.world.phase(item) != "deleting":
        call.world.start(item, "deleting", "ec2:nat", identifier, call.moto)
    return {"NatGatewayId": identifier}


@operation("ec2", "CreateVpcEndpoint")
def create_endpoint(call):
    old = remembered(call)
    if old is not None:
        return {**old, "VpcEndpoint": seen_endpoint(call, old["VpcEndpoint"])}
    result = remember(call, call.moto(ClientToken=None))
    identifier = result["VpcEndpoint"]["VpcEndpointId"]
    if result["VpcEndpoint"].get("VpcEndpointType", call.params.get("VpcEndpointType")) == "Interface":
        timed(call, "endpoints")[identifier] = item = {}
        call.world.start(item, "creating", "ec2:endpoint", identifier)
    return {**result, "VpcEndpoint": seen_endpoint(call, result["VpcEndpoint"])}


def seen_endpoint(call, point):
    item = timed(call, "endpoints").get(point["VpcEndpointId"])
    is_pending = item is not None and call.world.phase(item) == "creating"
    return {**point, "State": "pending"} if is_pending else point


@operation("ec2", "DescribeVpcEndpoints")
def describe_endpoints(call):
    result = call.moto()
    result["VpcEndpoints"] = [seen_endpoint(call, point) for point in result.get("VpcEndpoints", [])]
    return result
