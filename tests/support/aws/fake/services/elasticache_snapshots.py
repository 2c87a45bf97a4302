"""ElastiCache's snapshots."""

from __future__ import annotations

from ..registry import operation
from ..world import public
from . import common
from .elasticache_groups import group_of, nodes
from .elasticache_parameters import fault

WORDS = {"creating": "creating", "deleting": "deleting", "ready": "available"}


def take_snapshot(call, group, name, source):
    if name in call.table("snapshots"):
        raise fault("SnapshotAlreadyExistsFault", f"Snapshot {name} already exists")
    copied = ("ReplicationGroupId", "CacheNodeType", "Engine", "SnapshotRetentionLimit", "SnapshotWindow")
    copied += ("AutoMinorVersionUpgrade", "AutomaticFailover", "DataTiering", "KmsKeyId")
    snapshot = {key: group.get(key) for key in copied} | {
        "SnapshotName": name,
        "SnapshotSource": source,
        "ReplicationGroupDescription": group["Description"],
        "EngineVersion": group["_version"],
        "NumCacheNodes": 1,
        "NumNodeGroups": len(group["_shards"]),
        "PreferredMaintenanceWindow": group["_maintenance"],
        "CacheParameterGroupName": group["_parameter_group"],
        "CacheSubnetGroupName": group["_subnet_group"],
        "Port": group["_port"],
        "NodeSnapshots": [
            {"NodeGroupId": shard["id"], "CacheNodeId": "0001", "CacheSize": "1 MB", "SnapshotCreateTime": common.now()}
            for shard, node in nodes(group)
            if node["is_primary"]
        ],
        "ARN": call.arn(f"snapshot:{name}"),
        "_tags": call.params.get("Tags") or [],
    }
    call.table("snapshots")[name] = snapshot
    call.world.start(snapshot, "creating", "elasticache:snapshot", name)
    return shown(call, snapshot)


def shown(call, snapshot):
    return {**public(snapshot), "SnapshotStatus": WORDS[call.world.phase(snapshot)]}


def snapshot_of(call):
    name = call.params["SnapshotName"]
    return common.found(call, call.table("snapshots"), name, fault("SnapshotNotFoundFault", f"Snapshot {name} not found"))


@operation("elasticache", "CreateSnapshot")
def create_snapshot(call):
    group = group_of(call, is_available=True)
    return {"Snapshot": take_snapshot(call, group, call.params["SnapshotName"], "manual")}


@operation("elasticache", "DescribeSnapshots")
def describe_snapshots(call):
    name, group = call.params.get("SnapshotName"), call.params.get("ReplicationGroupId")
    snapshots = [snapshot_of(call)] if name else [item for _, item in common.alive(call, call.table("snapshots"))]
    snapshots = [shown(call, item) for item in snapshots if group in (None, item["ReplicationGroupId"])]
    snapshots, marker = common.page(call, snapshots, "MaxRecords", "Marker", 50)
    return {"Snapshots": snapshots, "Marker": marker}


@operation("elasticache", "DeleteSnapshot")
def delete_snapshot(call):
    snapshot = snapshot_of(call)
    name = snapshot["SnapshotName"]
    call.world.start(snapshot, "deleting", "elasticache:snapshot", name, lambda: call.table("snapshots").pop(name, None))
    return {"Snapshot": {**public(snapshot), "SnapshotStatus": "deleting"}}
