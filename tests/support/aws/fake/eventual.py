"""Readers who are behind: for `eventual` seconds after a write, EC2 and IAM answer as before it.

The fake's own services (EKS, RDS, ElastiCache) get this from copies of their state, see `world`. S3 is never behind.
"""

from __future__ import annotations

import re
import time

from . import models
from .errors import AwsError
from .wire import Response
from .world import is_read

SERVICES = {"ec2", "iam"}

# prefix -> (describe operation, its list of ids, list in the answer, id, code when there is none)
EC2 = {
    "vpc": ("DescribeVpcs", "VpcIds", "Vpcs", "VpcId", "InvalidVpcID.NotFound"),
    "subnet": ("DescribeSubnets", "SubnetIds", "Subnets", "SubnetId", "InvalidSubnetID.NotFound"),
    "sg": ("DescribeSecurityGroups", "GroupIds", "SecurityGroups", "GroupId", "InvalidGroup.NotFound"),
    "sgr": (
        "DescribeSecurityGroupRules",
        "SecurityGroupRuleIds",
        "SecurityGroupRules",
        "SecurityGroupRuleId",
        "InvalidSecurityGroupRuleId.NotFound",
    ),
    "rtb": ("DescribeRouteTables", "RouteTableIds", "RouteTables", "RouteTableId", "InvalidRouteTableID.NotFound"),
    "igw": (
        "DescribeInternetGateways",
        "InternetGatewayIds",
        "InternetGateways",
        "InternetGatewayId",
        "InvalidInternetGatewayID.NotFound",
    ),
    "nat": ("DescribeNatGateways", "NatGatewayIds", "NatGateways", "NatGatewayId", "NatGatewayNotFound"),
    "eipalloc": ("DescribeAddresses", "AllocationIds", "Addresses", "AllocationId", "InvalidAllocationID.NotFound"),
    "vpce": ("DescribeVpcEndpoints", "VpcEndpointIds", "VpcEndpoints", "VpcEndpointId", "InvalidVpcEndpointId.NotFound"),
    "lt": (
        "DescribeLaunchTemplates",
        "LaunchTemplateIds",
        "LaunchTemplates",
        "LaunchTemplateId",
        "InvalidLaunchTemplateId.NotFound",
    ),
    "fl": ("DescribeFlowLogs", "FlowLogIds", "FlowLogs", "FlowLogId", "InvalidFlowLogId.NotFound"),
    "eni": (
        "DescribeNetworkInterfaces",
        "NetworkInterfaceIds",
        "NetworkInterfaces",
        "NetworkInterfaceId",
        "InvalidNetworkInterfaceID.NotFound",
    ),
}
BY_OPERATION = {entry[0]: entry for entry in EC2.values()}
ID = re.compile(r"^(%s)-[0-9a-f]+$" % "|".join(EC2))

IAM_READS = {
    "RoleName": ("GetRole", "ListAttachedRolePolicies", "ListRolePolicies", "ListRoleTags", "ListInstanceProfilesForRole"),
    "PolicyArn": ("GetPolicy", "ListPolicyTags", "ListPolicyVersions"),
    "InstanceProfileName": ("GetInstanceProfile", "ListInstanceProfileTags"),
}
MISSING = object()


def carry_out(call, result_of):
    """The answer of a call by a reader who may be behind, as bytes."""
    drop_expired(call.world)
    stage = (read_ec2 if is_read(call.operation) else write_ec2) if call.service == "ec2" else None
    stage = stage or (read_iam if is_read(call.operation) else write_iam)
    return stage(call, result_of)


def drop_expired(world):
    now = time.monotonic()
    for key in [key for key, (until, _) in world.held.items() if until <= now]:
        del world.held[key]


def hold(call, key, old):
    """Keeps what was before, unless something older is still held."""
    call.world.held.setdefault(key, (time.monotonic() + call.world.config["eventual"], old))


def ids_in(value, found):
    if isinstance(value, str):
        if ID.match(value):
            found.add(value)
    elif isinstance(value, dict):
        for item in value.values():
            ids_in(item, found)
    elif isinstance(value, (list, tuple)):
        for item in value:
            ids_in(item, found)
    return found


def as_bytes(call, result):
    return result if isinstance(result, Response) else models.answer(call.service, call.operation, call.protocol, result)


def as_dict(call, result):
    return models.parse_answer(call.service, call.operation, call.protocol, result) if isinstance(result, Response) else result


def element(call, identifier):
    operation, parameter, result_list, _, _ = EC2[identifier.split("-")[0]]
    found = call.try_aws("ec2", operation, **{parameter: [identifier]})
    return found[result_list][0] if found and found.get(result_list) else None


def write_ec2(call, result_of):
    named = ids_in(call.params, set())
    if call.world.config["eventual_writes"]:
        refuse_unseen(call, named)
    old = {identifier: element(call, identifier) for identifier in named}
    response = as_bytes(call, result_of(call))
    if response.status < 300:
        for identifier, before in old.items():
            hold(call, ("ec2", call.region, identifier), before)
        for identifier in ids_in(as_dict(call, response), set()) - named:
            hold(call, ("ec2", call.region, identifier), None)
    return response


def refuse_unseen(call, named):
    for identifier in sorted(named):
        if call.world.held.get(("ec2", call.region, identifier), (0, MISSING))[1] is None:
            code = EC2[identifier.split("-")[0]][4]
            raise AwsError(code, f"The ID '{identifier}' does not exist")


def read_ec2(call, result_of):
    entry = BY_OPERATION.get(call.operation)
    held = {
        key[2]: old for key, (_, old) in call.world.held.items() if key[:2] == ("ec2", call.region)
    }
    if not held:
        return as_bytes(call, result_of(call))
    if entry is None:
        refuse_unseen(call, ids_in({k: v for k, v in call.params.items() if k != "Filters"}, set()))
        if call.operation == "DescribeTags":
            return tags_behind(call, result_of, held)
        return as_bytes(call, result_of(call))
    _, parameter, result_list, id_member, _ = entry
    asked = call.params.get(parameter) or []
    refuse_unseen(call, set(asked))
    gone = [held[identifier] for identifier in asked if held.get(identifier)]
    try:
        response = as_bytes(call, result_of(call))
        if response.status >= 300 and not gone:
            return response
        result = as_dict(call, response) if response.status < 300 else {result_list: []}
    except AwsError:
        if not gone:
            raise
        result = {result_list: []}
    seen, now = set(), []
    for item in result.get(result_list, []):
        seen.add(item[id_member])
        old = held.get(item[id_member], item)
        if old is not None and fits(old, call.params.get("Filters") or []):
            now.append(old)
    now += [old for old in gone if old[id_member] not in seen]
    result[result_list] = now
    return models.answer("ec2", call.operation, call.protocol, result)


def fits(item, filters):
    """Whether an old element still passes a request's filters by tag."""
    tags = {tag["Key"]: tag["Value"] for tag in item.get("Tags", [])}
    for wanted in filters:
        name, values = wanted.get("Name", ""), wanted.get("Values", [])
        if name.startswith("tag:") and tags.get(name[4:]) not in values:
            return False
        if name == "tag-key" and not any(value in tags for value in values):
            return False
    return True


def tags_behind(call, result_of, held):
    result = as_dict(call, result_of(call))
    tags = [tag for tag in result.get("Tags", []) if tag["ResourceId"] not in held]
    for identifier, old in held.items():
        for tag in (old or {}).get("Tags", []):
            kind = {"sg": "security-group", "rtb": "route-table", "igw": "internet-gateway"}.get(
                identifier.split("-")[0], identifier.split("-")[0]
            )
            tags.append({"ResourceId": identifier, "ResourceType": kind, **tag})
    return models.answer("ec2", call.operation, call.protocol, {**result, "Tags": tags})


def write_iam(call, result_of):
    reads = []
    for parameter, operations in IAM_READS.items():
        if parameter in call.params:
            reads += [(operation, {parameter: call.params[parameter]}) for operation in operations]
    if {"RoleName", "PolicyName"} <= call.params.keys():
        reads.append(("GetRolePolicy", {name: call.params[name] for name in ("RoleName", "PolicyName")}))
    old = [(operation, params, answer_now(call, operation, params)) for operation, params in reads]
    response = as_bytes(call, result_of(call))
    if response.status < 300:
        for operation, params, before in old:
            hold(call, iam_key(operation, params), before)
        if call.operation == "CreatePolicy":
            arn = as_dict(call, response)["Policy"]["Arn"]
            missing = AwsError("NoSuchEntity", f"Policy {arn} was not found.", 404)
            for operation in IAM_READS["PolicyArn"]:
                hold(call, iam_key(operation, {"PolicyArn": arn}), missing)
    return response


def answer_now(call, operation, params):
    try:
        return call.aws("iam", operation, **params)
    except AwsError as error:
        return error


def iam_key(operation, params):
    wanted = ("RoleName", "PolicyArn", "InstanceProfileName", "PolicyName")
    return ("iam", operation, tuple(params.get(name) for name in wanted))


def read_iam(call, result_of):
    _, old = call.world.held.get(iam_key(call.operation, call.params), (0, MISSING))
    if old is MISSING:
        return as_bytes(call, result_of(call))
    if isinstance(old, AwsError):
        raise old
    return models.answer("iam", call.operation, call.protocol, old)
