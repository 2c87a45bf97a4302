"""RDS's parameter groups, of clusters and of instances; and tags of what is RDS's, by ARN."""

from __future__ import annotations

import re

from ..registry import operation
from ..world import public
from . import common
from .rds_engines import FAMILIES, PARAMETERS, check_value, combination, fault, parameter_rows, refused

# Both kinds of groups: table, member of name, of ARN, part of the ARN, member of the answer, error of absence
CLUSTER = ("cluster_parameter_groups", "DBClusterParameterGroupName", "DBClusterParameterGroupArn", "cluster-pg")
INSTANCE = ("parameter_groups", "DBParameterGroupName", "DBParameterGroupArn", "pg")


def kind_of(call):
    return CLUSTER if "Cluster" in call.operation else INSTANCE


def parameter_group_of(call, name, kind):
    table, name_member, arn_member, part = kind
    if name.startswith("default.") and name[8:] in FAMILIES:
        return {
            name_member: name,
            "DBParameterGroupFamily": name[8:],
            "Description": f"Default parameter group for {name[8:]}",
            arn_member: call.arn(f"{part}:{name}"),
            "_values": {},
            "_methods": {},
            "_tags": [],
        }
    group = call.table(table).get(name.lower())
    if group is None:
        raise fault("DBParameterGroupNotFoundFault", f"DBParameterGroup not found: {name}")
    return group


def named(call, kind):
    return parameter_group_of(call, call.params[kind[1]], kind)


@operation("rds", "CreateDBClusterParameterGroup", "CreateDBParameterGroup")
def create_group(call):
    kind = kind_of(call)
    table, name_member, arn_member, part = kind
    name, family = call.params[name_member].lower(), call.params["DBParameterGroupFamily"]
    if name in call.table(table):
        raise fault("DBParameterGroupAlreadyExistsFault", f"Parameter group {name} already exists")
    if not re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{0,254}(?<!-)", name):
        raise refused(f"The parameter {name_member} is not a valid identifier: {name}")
    if family not in FAMILIES:
        raise refused(f"ParameterGroupFamily {family} is not a valid parameter group family")
    group = {
        name_member: name,
        "DBParameterGroupFamily": family,
        "Description": call.params["Description"],
        arn_member: call.arn(f"{part}:{name}"),
        "_values": {},
        "_methods": {},
        "_tags": call.params.get("Tags") or [],
    }
    call.table(table)[name] = group
    return {"DBClusterParameterGroup" if kind is CLUSTER else "DBParameterGroup": public(group)}


@operation("rds", "DescribeDBClusterParameterGroups", "DescribeDBParameterGroups")
def describe_groups(call):
    kind = kind_of(call)
    if call.params.get(kind[1]):
        groups = [named(call, kind)]
    else:
        groups = [parameter_group_of(call, f"default.{family}", kind) for family in FAMILIES]
        groups += list(call.table(kind[0]).values())
    groups, marker = common.page(call, [public(group) for group in groups], "MaxRecords", "Marker")
    return {"DBClusterParameterGroups" if kind is CLUSTER else "DBParameterGroups": groups, "Marker": marker}


@operation("rds", "DescribeDBClusterParameters", "DescribeDBParameters")
def describe_parameters(call):
    kind = kind_of(call)
    group = named(call, kind)
    rows = parameter_rows(group["_values"], group["_methods"], call.params.get("Source"), kind is CLUSTER)
    rows = common.filtered(rows, call.params.get("Filters"), {"parameter-name": "ParameterName"})
    rows, marker = common.page(call, rows, "MaxRecords", "Marker")
    return {"Parameters": rows, "Marker": marker}


def changeable(call, kind):
    if call.params[kind[1]].startswith("default."):
        raise fault("InvalidDBParameterGroupStateFault", "A default parameter group can't be changed")
    return named(call, kind)


@operation("rds", "ModifyDBClusterParameterGroup", "ModifyDBParameterGroup")
def modify_group(call):
    kind = kind_of(call)
    group, given = changeable(call, kind), call.params["Parameters"]
    if not 1 <= len(given) <= 20:
        raise refused("You can modify between 1 and 20 parameters a call")
    for parameter in given:
        name, method = parameter.get("ParameterName", ""), parameter.get("ApplyMethod")
        check_value(name, parameter.get("ParameterValue", ""))
        if PARAMETERS[name][4] and kind is INSTANCE:
            raise refused(f"{name} can be set in a cluster parameter group only")
        if PARAMETERS[name][1] == "static" and method == "immediate":
            raise combination("cannot use immediate apply method for static parameter")
        if method not in ("immediate", "pending-reboot"):
            raise refused(f"Invalid apply method for {name}: {method}")
    changed = set()
    for parameter in given:
        name = parameter["ParameterName"]
        if group["_values"].get(name) != parameter["ParameterValue"]:
            changed.add((name, parameter["ApplyMethod"]))
        group["_values"][name] = parameter["ParameterValue"]
        group["_methods"][name] = parameter["ApplyMethod"]
    if any(method == "pending-reboot" for _, method in changed):
        mark_pending(call, group, kind)
    return {kind[1]: group[kind[1]]}


@operation("rds", "ResetDBClusterParameterGroup", "ResetDBParameterGroup")
def reset_group(call):
    kind = kind_of(call)
    group = changeable(call, kind)
    names = [parameter["ParameterName"] for parameter in call.params.get("Parameters") or []]
    if call.params.get("ResetAllParameters"):
        names = list(group["_values"])
    for name in names:
        if name not in PARAMETERS:
            raise refused(f"Could not find parameter with name: {name}")
        # Of a whole group as of one parameter, those that are dynamic are back at once.
        if group["_values"].pop(name, None) is not None and PARAMETERS[name][1] == "static":
            mark_pending(call, group, kind)
    return {kind[1]: group[kind[1]]}


def mark_pending(call, group, kind):
    """The members that run with the group wait for a reboot."""
    for _, instance in call.table("instances").items():
        if kind is INSTANCE and instance["_parameter_group"] == group["DBParameterGroupName"]:
            instance["_parameters_pending"] = True
        cluster = call.table("clusters").get(instance["DBClusterIdentifier"])
        if kind is CLUSTER and cluster and cluster["DBClusterParameterGroup"] == group["DBClusterParameterGroupName"]:
            instance["_cluster_parameters_pending"] = True


@operation("rds", "DeleteDBClusterParameterGroup", "DeleteDBParameterGroup")
def delete_group(call):
    kind = kind_of(call)
    name = changeable(call, kind)[kind[1]]
    users = [item["_parameter_group"] for _, item in common.alive(call, call.table("instances"))]
    if kind is CLUSTER:
        users = [item["DBClusterParameterGroup"] for _, item in common.alive(call, call.table("clusters"))]
    if name in users:
        raise fault("InvalidDBParameterGroupStateFault", f"One or more database instances are still using {name}")
    del call.table(kind[0])[name]


# Tags -----------------------------------------------------------------------------------------------------

TABLES = {
    "cluster": ("clusters", "DBClusterNotFoundFault"),
    "db": ("instances", "DBInstanceNotFoundFault"),
    "cluster-pg": ("cluster_parameter_groups", "DBParameterGroupNotFoundFault"),
    "pg": ("parameter_groups", "DBParameterGroupNotFoundFault"),
    "subgrp": ("subnet_groups", "DBSubnetGroupNotFoundFault"),
    "cluster-snapshot": ("cluster_snapshots", "DBClusterSnapshotNotFoundFault"),
    "db-proxy": ("proxies", "DBProxyNotFoundFault"),
    "target-group": ("proxies", "DBProxyTargetGroupNotFoundFault"),
    "global-cluster": ("global_clusters", "GlobalClusterNotFoundFault"),
}


def tagged(call):
    arn = call.params["ResourceName"]
    parts = arn.split(":")
    if len(parts) < 7 or parts[5] not in TABLES:
        raise refused(f"Invalid resource name: {arn}")
    table, shape = TABLES[parts[5]]
    items = call.table(table, region="global" if table == "global_clusters" else parts[3])
    arn_members = ("DBClusterArn", "DBInstanceArn", "DBClusterParameterGroupArn", "DBParameterGroupArn")
    arn_members += ("DBSubnetGroupArn", "DBClusterSnapshotArn", "DBProxyArn", "GlobalClusterArn", "_target_group_arn")
    for _, item in common.alive(call, items):
        if arn in (item.get(member) for member in arn_members):
            return item
    raise fault(shape, f"{arn} not found")


@operation("rds", "ListTagsForResource")
def list_tags(call):
    return {"TagList": tagged(call)["_tags"]}


@operation("rds", "AddTagsToResource")
def add_tags(call):
    item = tagged(call)
    item["_tags"] = common.merge_tags(item["_tags"], call.params["Tags"])


@operation("rds", "RemoveTagsFromResource")
def remove_tags(call):
    item = tagged(call)
    item["_tags"] = [tag for tag in item["_tags"] if tag["Key"] not in call.params["TagKeys"]]
