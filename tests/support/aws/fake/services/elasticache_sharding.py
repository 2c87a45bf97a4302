"""Changes to an ElastiCache replication group: modify, replicas, shards, failover, delete."""

from __future__ import annotations

from ..registry import operation
from . import common
from .elasticache_groups import (
    check_auth_token,
    check_failover,
    check_node_type,
    check_parameter_group,
    check_snapshots,
    combination,
    engine_version,
    group_of,
    logs_shown,
    make_shards,
    shown,
)
from .elasticache_parameters import fault, refused
from .elasticache_snapshots import take_snapshot

PLAIN = ("SnapshotRetentionLimit", "SnapshotWindow", "AutoMinorVersionUpgrade", "TransitEncryptionEnabled", "Durability")
PLAIN += ("TransitEncryptionMode", "IpDiscovery", "UserGroupIds")


@operation("elasticache", "ModifyReplicationGroup")
def modify_group(call):
    group, params = group_of(call, is_available=True), call.params
    check_modification(call, group)
    engine = params.get("Engine", group["Engine"])
    if params.get("EngineVersion") or engine != group["Engine"]:
        change_version(call, group, engine)
    elif params.get("CacheParameterGroupName"):
        _, family = engine_version(engine, group["_version"])
        check_parameter_group(call, params["CacheParameterGroupName"], family, group["ClusterEnabled"])
    if node_type := params.get("CacheNodeType"):
        if params.get("ApplyImmediately"):
            group["CacheNodeType"] = node_type
        else:
            group["_pending"] = {**group["_pending"], "CacheNodeType": node_type}
    apply_plain(call, group)
    call.world.start(group, "modifying", "elasticache:group", group["ReplicationGroupId"])
    return {"ReplicationGroup": shown(call, group)}


def check_modification(call, group):
    params = call.params
    check_snapshots(params)
    if params.get("CacheNodeType"):
        check_node_type(params["CacheNodeType"])
    if common.security_groups(call, params.get("SecurityGroupIds") or []) is None:
        raise refused("Some security groups do not exist")
    is_encrypted = params.get("TransitEncryptionEnabled", group["TransitEncryptionEnabled"])
    check_auth_token(params.get("AuthToken"), is_encrypted)
    if params.get("AuthToken") and not params.get("AuthTokenUpdateStrategy"):
        raise combination("AuthTokenUpdateStrategy must be given with an AuthToken")
    is_failover = params.get("AutomaticFailoverEnabled", group["AutomaticFailover"] == "enabled")
    is_multi_zone = params.get("MultiAZEnabled", group["MultiAZ"] == "enabled")
    check_failover(is_failover, is_multi_zone, len(group["_shards"][0]["nodes"]), group["ClusterEnabled"])


def change_version(call, group, engine):
    params = call.params
    version, family = engine_version(engine, params.get("EngineVersion"))
    if engine == group["Engine"] and numbers(version) < numbers(group["_version"]):
        raise refused(f"Cannot downgrade from {group['_version']} to {version}")
    _, old_family = engine_version(group["Engine"], group["_version"])
    name = params.get("CacheParameterGroupName")
    if name:
        check_parameter_group(call, name, family, group["ClusterEnabled"])
    elif family != old_family:
        if not group["_parameter_group"].startswith("default."):
            raise combination(f"A parameter group of family {family} must be given with the new version")
        name = f"default.{family}{'.cluster.on' if group['ClusterEnabled'] else ''}"
    if params.get("ApplyImmediately"):
        group.update(Engine=engine, _version=version, _parameter_group=name or group["_parameter_group"])
    else:
        group["_pending"] = {**group["_pending"], "EngineVersion": version}


def numbers(version):
    return [int(part) for part in version.split(".")]


def apply_plain(call, group):
    params = call.params
    group.update(common.copied(call, PLAIN))
    for given, member in (
        ("ReplicationGroupDescription", "Description"),
        ("SecurityGroupIds", "_security_groups"),
        ("NotificationTopicArn", "_topic"),
    ):
        if params.get(given) is not None:
            group[member] = params[given]
    if params.get("CacheParameterGroupName"):
        group["_parameter_group"] = params["CacheParameterGroupName"]
    if params.get("PreferredMaintenanceWindow"):
        group["_maintenance"] = params["PreferredMaintenanceWindow"].lower()
    if params.get("LogDeliveryConfigurations") is not None:
        kinds = {log["LogType"] for log in params["LogDeliveryConfigurations"]}
        kept = [log for log in group["_logs"] if log["LogType"] not in kinds]
        group["_logs"] = kept + logs_shown(params["LogDeliveryConfigurations"])
    for given, member in (("AutomaticFailoverEnabled", "AutomaticFailover"), ("MultiAZEnabled", "MultiAZ")):
        if params.get(given) is not None:
            group[member] = "enabled" if params[given] else "disabled"
    strategy = params.get("AuthTokenUpdateStrategy")
    if strategy:
        group["AuthTokenEnabled"] = strategy != "DELETE"
        group["AuthTokenLastModifiedDate"] = common.now()


@operation("elasticache", "IncreaseReplicaCount")
def increase_replicas(call):
    return change_replicas(call, +1)


@operation("elasticache", "DecreaseReplicaCount")
def decrease_replicas(call):
    return change_replicas(call, -1)


def change_replicas(call, direction):
    group, params = group_of(call, is_available=True), call.params
    if not params["ApplyImmediately"]:
        raise refused("ApplyImmediately must be true")
    counts = {setup["NodeGroupId"]: setup["NewReplicaCount"] for setup in params.get("ReplicaConfiguration") or []}
    for shard in group["_shards"]:
        now = len(shard["nodes"]) - 1
        wanted = counts.get(shard["id"], params.get("NewReplicaCount"))
        if wanted is None or (counts and shard["id"] not in counts):
            continue
        if (wanted - now) * direction <= 0 or not 0 <= wanted <= 5:
            raise refused(f"The new replica count {wanted} is no {'increase' if direction > 0 else 'decrease'} of {now}")
        if wanted == 0 and (group["AutomaticFailover"] == "enabled" and not group["ClusterEnabled"]):
            raise refused("Automatic failover needs at least one replica")
    for shard in group["_shards"]:
        wanted = counts.get(shard["id"], params.get("NewReplicaCount") if not counts else None)
        if wanted is not None:
            resize(group, shard, wanted + 1)
    call.world.start(group, "modifying", "elasticache:group", group["ReplicationGroupId"])
    return {"ReplicationGroup": shown(call, group)}


def resize(group, shard, count):
    while len(shard["nodes"]) > count:
        shard["nodes"].remove(next(node for node in reversed(shard["nodes"]) if not node["is_primary"]))
    while len(shard["nodes"]) < count:
        taken = {node["number"] for node in shard["nodes"]}
        number = next(candidate for candidate in range(1, 10) if candidate not in taken)
        zone = group["_zones"][(number - 1) % len(group["_zones"])]
        shard["nodes"].append({"number": number, "zone": zone, "is_primary": False})
    shard["nodes"].sort(key=lambda node: node["number"])


@operation("elasticache", "ModifyReplicationGroupShardConfiguration")
def modify_shards(call):
    group, params = group_of(call, is_available=True), call.params
    count, shards = params["NodeGroupCount"], group["_shards"]
    if not group["ClusterEnabled"]:
        raise combination("Shard configuration can be changed with cluster mode only")
    if not params["ApplyImmediately"]:
        raise refused("ApplyImmediately must be true")
    if count < 1 or count == len(shards):
        raise refused(f"NodeGroupCount {count} changes nothing")
    if count < len(shards):
        removed = set(params.get("NodeGroupsToRemove") or [])
        if retained := params.get("NodeGroupsToRetain"):
            removed = {shard["id"] for shard in shards} - set(retained)
        if len(removed) != len(shards) - count or not removed <= {shard["id"] for shard in shards}:
            raise refused("NodeGroupsToRemove or NodeGroupsToRetain must name exactly the node groups to go")
        shards = [shard for shard in shards if shard["id"] not in removed]
    else:
        last = max(int(shard["id"]) for shard in shards)
        fresh = make_shards(call, count, len(shards[0]["nodes"]), group["_zones"])[: count - len(shards)]
        shards = shards + [{**shard, "id": f"{last + 1 + index:04d}"} for index, shard in enumerate(fresh)]
    for index, shard in enumerate(shards):
        shard["slots"] = f"{16384 * index // count}-{16384 * (index + 1) // count - 1}"
    group["_shards"] = shards
    call.world.start(group, "modifying", "elasticache:group", group["ReplicationGroupId"])
    return {"ReplicationGroup": shown(call, group)}


@operation("elasticache", "TestFailover")
def test_failover(call):
    group = group_of(call, is_available=True)
    shard = next((shard for shard in group["_shards"] if shard["id"] == call.params["NodeGroupId"]), None)
    if shard is None:
        raise fault("NodeGroupNotFoundFault", f"Node group {call.params['NodeGroupId']} not found")
    if group["AutomaticFailover"] != "enabled" or len(shard["nodes"]) < 2:
        raise fault("TestFailoverNotAvailableFault", "Automatic failover is not enabled")
    at = next(index for index, node in enumerate(shard["nodes"]) if node["is_primary"])
    shard["nodes"][at]["is_primary"] = False
    shard["nodes"][(at + 1) % len(shard["nodes"])]["is_primary"] = True
    call.world.start(group, "modifying", "elasticache:group", group["ReplicationGroupId"])
    return {"ReplicationGroup": shown(call, group)}


@operation("elasticache", "DeleteReplicationGroup")
def delete_group(call):
    group = group_of(call)
    name, phase = group["ReplicationGroupId"], call.world.phase(group)
    if phase != "ready":
        raise fault("InvalidReplicationGroupStateFault", f"Replication group {name} is not available")
    if call.params.get("FinalSnapshotIdentifier"):
        take_snapshot(call, group, call.params["FinalSnapshotIdentifier"], "manual")
    call.world.start(group, "deleting", "elasticache:group", name, lambda: call.table("groups").pop(name, None))
    return {"ReplicationGroup": {**shown(call, {**group, "_phase": None}), "Status": "deleting"}}
