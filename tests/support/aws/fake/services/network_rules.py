"""EC2's client tokens, and the time that NAT gateways and endpoints take."""

from __future__ import annotations

import functools

from ..errors import AwsError
from ..registry import operation

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
        call.world.start(item, "deleting", "ec2:nat", identifier, lambda: remove_nat(call))
    return {"NatGatewayId": identifier}


def remove_nat(call):
    """moto leaves the gateway's interface and its hold on the address behind."""
    nats = call.try_aws("ec2", "DescribeNatGateways", NatGatewayIds=[call.params["NatGatewayId"]])
    call.moto()
    for nat in (nats or {}).get("NatGateways", []):
        for address in nat.get("NatGatewayAddresses", []):
            if address.get("AssociationId"):
                call.try_aws("ec2", "DisassociateAddress", AssociationId=address["AssociationId"])
            remove_interface(call, address.get("NetworkInterfaceId"))


def remove_interface(call, identifier):
    told = call.try_aws("ec2", "DescribeNetworkInterfaces", NetworkInterfaceIds=[identifier]) if identifier else None
    for card in (told or {}).get("NetworkInterfaces", []):
        attachment = card.get("Attachment", {}).get("AttachmentId")
        if attachment:
            call.try_aws("ec2", "DetachNetworkInterface", AttachmentId=attachment, Force=True)
        call.try_aws("ec2", "DeleteNetworkInterface", NetworkInterfaceId=identifier)


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
    word = {"creating": "pending", "deleting": "deleting"}.get(call.world.phase(item)) if item else None
    return {**point, "State": word} if word else point


@operation("ec2", "DescribeVpcEndpoints")
def describe_endpoints(call):
    asked = call.params.get("VpcEndpointIds") or []
    points = [seen_endpoint(call, point) for point in call.moto().get("VpcEndpoints", [])]
    points = [point for point in points if point["State"] != "deleted"]
    for identifier in asked:
        if identifier not in (point["VpcEndpointId"] for point in points):
            raise AwsError("InvalidVpcEndpointId.NotFound", f"The Vpc Endpoint Id '{identifier}' does not exist")
    return {"VpcEndpoints": points}


@operation("ec2", "DeleteVpcEndpoints")
def delete_endpoints(call):
    failed = []
    for identifier in call.params["VpcEndpointIds"]:
        told = call.try_aws("ec2", "DescribeVpcEndpoints", VpcEndpointIds=[identifier])
        if not told:
            error = {"Code": "InvalidVpcEndpoint.NotFound", "Message": f"The Vpc Endpoint Id '{identifier}' does not exist"}
            failed.append({"ResourceId": identifier, "Error": error})
            continue
        item = timed(call, "endpoints").setdefault(identifier, {})
        remove = functools.partial(remove_endpoint, call, told["VpcEndpoints"][0])
        if call.world.phase(item) != "deleting":
            call.world.start(item, "deleting", "ec2:endpoint", identifier, remove)
    return {"Unsuccessful": failed}


def remove_endpoint(call, point):
    call.moto(VpcEndpointIds=[point["VpcEndpointId"]])
    for identifier in point.get("NetworkInterfaceIds", []):
        remove_interface(call, identifier)
