"""RDS's subnet groups."""

from __future__ import annotations

from ..registry import operation
from ..world import public
from . import common
from .rds_engines import fault


def subnet_group_of(call, name):
    group = call.table("subnet_groups").get(name.lower())
    if group is None:
        raise fault("DBSubnetGroupNotFoundFault", f"DB subnet group '{name}' does not exist.")
    return group


def shown(call, group):
    return public(group)


def subnets_shown(call, ids):
    found = common.subnets(call, ids)
    if not found:
        raise fault("InvalidSubnet", "Some input subnets are invalid.")
    if len({subnet["VpcId"] for subnet in found}) > 1:
        raise fault("InvalidSubnet", "The subnets are not in the same VPC.")
    if len({subnet["AvailabilityZone"] for subnet in found}) < 2:
        message = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at least 2 AZs."
        raise fault("DBSubnetGroupDoesNotCoverEnoughAZs", message)
    shown_subnets = [
        {
            "SubnetIdentifier": subnet["SubnetId"],
            "SubnetAvailabilityZone": {"Name": subnet["AvailabilityZone"]},
            "SubnetStatus": "Active",
        }
        for subnet in found
    ]
    return {"VpcId": found[0]["VpcId"], "Subnets": shown_subnets, "SubnetGroupStatus": "Complete"}


@operation("rds", "CreateDBSubnetGroup")
def create_group(call):
    name = call.params["DBSubnetGroupName"].lower()
    if name in call.table("subnet_groups"):
        raise fault("DBSubnetGroupAlreadyExistsFault", f"The DB subnet group '{name}' already exists.")
    group = {
        "DBSubnetGroupName": name,
        "DBSubnetGroupDescription": call.params["DBSubnetGroupDescription"],
        "DBSubnetGroupArn": call.arn(f"subgrp:{name}"),
        "SupportedNetworkTypes": ["IPV4"],
        "_tags": call.params.get("Tags") or [],
    } | subnets_shown(call, call.params["SubnetIds"])
    call.table("subnet_groups")[name] = group
    return {"DBSubnetGroup": shown(call, group)}


@operation("rds", "DescribeDBSubnetGroups")
def describe_groups(call):
    name = call.params.get("DBSubnetGroupName")
    groups = [subnet_group_of(call, name)] if name else list(call.table("subnet_groups").values())
    groups, marker = common.page(call, [shown(call, group) for group in groups], "MaxRecords", "Marker")
    return {"DBSubnetGroups": groups, "Marker": marker}


@operation("rds", "ModifyDBSubnetGroup")
def modify_group(call):
    group = subnet_group_of(call, call.params["DBSubnetGroupName"])
    changes = subnets_shown(call, call.params["SubnetIds"])
    used = zones_in_use(call, group["DBSubnetGroupName"])
    if not used <= {subnet["SubnetAvailabilityZone"]["Name"] for subnet in changes["Subnets"]}:
        raise fault("SubnetAlreadyInUse", "A subnet that instances run in can't be taken out")
    group.update(changes, **common.copied(call, ("DBSubnetGroupDescription",)))
    return {"DBSubnetGroup": shown(call, group)}


def zones_in_use(call, name):
    instances = [item for _, item in common.alive(call, call.table("instances"))]
    return {item["AvailabilityZone"] for item in instances if item["_subnet_group"] == name}


@operation("rds", "DeleteDBSubnetGroup")
def delete_group(call):
    name = subnet_group_of(call, call.params["DBSubnetGroupName"])["DBSubnetGroupName"]
    if any(item["DBSubnetGroup"] == name for _, item in common.alive(call, call.table("clusters"))):
        raise fault("InvalidDBSubnetGroupStateFault", f"Cannot delete the subnet group '{name}' because at least one database instance is still using it.")
    del call.table("subnet_groups")[name]
