"""Tags of what is ElastiCache's, by ARN."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from . import common
from .elasticache_groups import group_of, member_name, nodes
from .elasticache_parameters import fault, parameter_group_of, subnet_group_of


def tagged(call):
    arn = call.params["ResourceName"]
    try:
        kind, name = arn.split(":", 5)[5].split(":", 1)
    except (IndexError, ValueError) as why:
        raise fault("InvalidARNFault", f"{arn} is no ARN") from why
    if kind == "replicationgroup":
        group = group_of(call, name)
        if call.world.phase(group) in ("creating", "modifying"):
            message = "Cluster not in available state to perform tagging operations."
            raise fault("InvalidReplicationGroupStateFault", message)
        return group
    if kind == "cluster":
        for _, group in common.alive(call, call.table("groups")):
            if name in (member_name(group, *pair) for pair in nodes(group)):
                return group
        raise fault("CacheClusterNotFoundFault", f"{name} is either not present or not available.")
    if kind == "parametergroup":
        return parameter_group_of(call, name)
    if kind == "subnetgroup":
        return subnet_group_of(call, name)
    if kind == "snapshot" and name in call.table("snapshots"):
        return call.table("snapshots")[name]
    raise AwsError("SnapshotNotFoundFault" if kind == "snapshot" else "InvalidARN", f"{arn} not found", 404)


@operation("elasticache", "ListTagsForResource")
def list_tags(call):
    return {"TagList": tagged(call).get("_tags", [])}


@operation("elasticache", "AddTagsToResource")
def add_tags(call):
    item = tagged(call)
    item["_tags"] = common.merge_tags(item.get("_tags"), call.params["Tags"])
    return {"TagList": item["_tags"]}


@operation("elasticache", "RemoveTagsFromResource")
def remove_tags(call):
    item = tagged(call)
    item["_tags"] = [tag for tag in item.get("_tags", []) if tag["Key"] not in call.params["TagKeys"]]
    return {"TagList": item["_tags"]}
