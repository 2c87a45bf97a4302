"""Snapshots of Aurora's clusters."""

from __future__ import annotations

from ..registry import operation
from ..world import public
from . import common
from .rds_clusters import check_identifier, cluster_of
from .rds_engines import fault

WORDS = {"creating": "creating", "deleting": "deleting", "ready": "available"}


def take_snapshot(call, cluster, name):
    name, table = name.lower(), call.table("cluster_snapshots")
    if name in table:
        raise fault("DBClusterSnapshotAlreadyExistsFault", f"Cannot create the snapshot because one with the identifier {name} already exists.")
    check_identifier(name, "DBClusterSnapshotIdentifier")
    copied = ("DBClusterIdentifier", "Engine", "EngineMode", "EngineVersion", "AllocatedStorage", "AvailabilityZones")
    copied += ("Port", "MasterUsername", "StorageEncrypted", "KmsKeyId", "ClusterCreateTime", "DbClusterResourceId")
    copied += ("IAMDatabaseAuthenticationEnabled",)
    group = call.table("subnet_groups").get(cluster["DBSubnetGroup"], {})
    snapshot = {key: cluster.get(key) for key in copied} | {
        "DBClusterSnapshotIdentifier": name,
        "DBClusterSnapshotArn": call.arn(f"cluster-snapshot:{name}"),
        "SnapshotType": "manual",
        "SnapshotCreateTime": common.now(),
        "LicenseModel": "postgresql-license",
        "VpcId": group.get("VpcId"),
        "StorageType": cluster["_storage"],
        "_tags": call.params.get("Tags") or (cluster["_tags"] if cluster["CopyTagsToSnapshot"] else []),
    }
    table[name] = snapshot
    call.world.start(snapshot, "creating", "rds:snapshot", name)
    return snapshot


def shown(call, snapshot):
    status = WORDS[call.world.phase(snapshot)]
    view = {**public(snapshot), "Status": status, "TagList": snapshot["_tags"]}
    return view | {"PercentProgress": 100 if status == "available" else 50}


def snapshot_of(call):
    name = call.params["DBClusterSnapshotIdentifier"].lower().rsplit(":", 1)[-1]
    error = fault("DBClusterSnapshotNotFoundFault", f"DBClusterSnapshot {name} not found")
    return common.found(call, call.table("cluster_snapshots"), name, error)


@operation("rds", "CreateDBClusterSnapshot")
def create_snapshot(call):
    cluster = cluster_of(call, is_available=True)
    return {"DBClusterSnapshot": shown(call, take_snapshot(call, cluster, call.params["DBClusterSnapshotIdentifier"]))}


@operation("rds", "DescribeDBClusterSnapshots")
def describe_snapshots(call):
    params = call.params
    if params.get("DBClusterSnapshotIdentifier"):
        snapshots = [snapshot_of(call)]
    else:
        snapshots = [item for _, item in common.alive(call, call.table("cluster_snapshots"))]
    cluster, kind = params.get("DBClusterIdentifier"), params.get("SnapshotType")
    snapshots = [item for item in snapshots if cluster in (None, item["DBClusterIdentifier"])]
    snapshots = [item for item in snapshots if kind in (None, item["SnapshotType"])]
    snapshots, marker = common.page(call, [shown(call, item) for item in snapshots], "MaxRecords", "Marker")
    return {"DBClusterSnapshots": snapshots, "Marker": marker}


@operation("rds", "DescribeDBSnapshots")
def describe_instance_snapshots(_):
    """Aurora's instances have none of their own."""
    return {"DBSnapshots": []}


@operation("rds", "DeleteDBClusterSnapshot")
def delete_snapshot(call):
    snapshot = snapshot_of(call)
    name = snapshot["DBClusterSnapshotIdentifier"]
    view = {**shown(call, snapshot), "Status": "deleted"}
    call.world.start(snapshot, "deleting", "rds:snapshot", name, lambda: call.table("cluster_snapshots").pop(name, None))
    return {"DBClusterSnapshot": view}
