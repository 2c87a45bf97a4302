"""ElastiCache's replication groups and their members: create, describe, modify, delete."""

from __future__ import annotations

import re

from ..errors import AwsError
from ..registry import operation
from . import common
from .elasticache_parameters import ENGINES, fault, parameter_group_of, refused, subnet_group_of

SIZES = {
    "t": "micro small medium",
    "5": "large xlarge 2xlarge 4xlarge 12xlarge 24xlarge",
    "g": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "gd": "xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
}
NODE_TYPES = (
    {f"cache.{family}.{size}" for family in ("t2", "t3", "t4g") for size in SIZES["t"].split()}
    | {f"cache.{family}.{size}" for family in ("m5", "r5") for size in SIZES["5"].split()}
    | {f"cache.{family}.{size}" for family in ("m6g", "m7g", "r6g", "r7g", "c7gn") for size in SIZES["g"].split()}
    | {f"cache.r6gd.{size}" for size in SIZES["gd"].split()}
)
WORDS = {"creating": "creating", "modifying": "modifying", "deleting": "deleting", "ready": "available"}
# Members told as they were given.
KEPT = ("SnapshotRetentionLimit", "SnapshotWindow", "AutoMinorVersionUpgrade", "KmsKeyId", "UserGroupIds", "Durability")


def combination(message):
    return AwsError("InvalidParameterCombination", message)


def group_of(call, name=None, is_available=False):
    name = (name or call.params["ReplicationGroupId"]).lower()
    error = fault("ReplicationGroupNotFoundFault", f"ReplicationGroup {name} not found.")
    group = common.found(call, call.table("groups"), name, error)
    if is_available and (phase := call.world.phase(group)) != "ready":
        raise fault("InvalidReplicationGroupStateFault", f"Replication group must be in available state, it is {WORDS[phase]}.")
    return group


def engine_version(engine, wanted):
    if engine not in ENGINES:
        raise refused(f"The engine {engine} is not supported for replication groups")
    versions = ENGINES[engine]
    wanted = wanted or ("7.1" if engine == "redis" else "8.2")
    for short, (full, family) in versions.items():
        if wanted in (short, full):
            return full, family
    raise refused(f"Cannot find version {wanted} for {engine}")


def check_node_type(name):
    if name not in NODE_TYPES:
        raise refused(f"Invalid Cache Node Type: {name}.")


def check_auth_token(token, is_encrypted):
    if token is None:
        return
    if not is_encrypted:
        raise combination("In order to enable an AUTH token, transit encryption must be enabled")
    if not 16 <= len(token) <= 128 or not re.fullmatch(r"[A-Za-z0-9!&#$^<>-]+", token):
        raise refused("Invalid AuthToken provided. It must be 16 to 128 characters, of specials only !&#$^<>-")


def check_parameter_group(call, name, family, is_sharded):
    group = parameter_group_of(call, name)
    if group["CacheParameterGroupFamily"] != family:
        raise combination(f"Expected a parameter group of family {family} but found {group['CacheParameterGroupFamily']}")
    is_on = group["_values"].get("cluster-enabled") == "yes"
    if is_on != is_sharded:
        raise combination("The parameter group's cluster-enabled does not agree with the cluster mode asked for")


def make_shards(call, count, members, zones):
    shards = []
    for index in range(count):
        low, high = 16384 * index // count, 16384 * (index + 1) // count - 1
        names = [zones[number % len(zones)] for number in range(members)]
        nodes = [{"number": number + 1, "zone": zone, "is_primary": number == 0} for number, zone in enumerate(names)]
        shards.append({"id": f"{index + 1:04d}", "slots": f"{low}-{high}", "nodes": nodes})
    return shards


@operation("elasticache", "CreateReplicationGroup")
def create_group(call):
    params, name = call.params, call.params["ReplicationGroupId"].lower()
    table = call.table("groups")
    if name in table and call.world.phase(table[name]) != "gone":
        raise fault("ReplicationGroupAlreadyExistsFault", f"Replication group {name} already exists.")
    if not re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{0,39}(?<!-)", name):
        raise refused("The parameter ReplicationGroupIdentifier is not a valid identifier.")
    engine = params.get("Engine", "redis")
    version, family = engine_version(engine, params.get("EngineVersion"))
    check_node_type(params.get("CacheNodeType", ""))
    group = new_group(call, name, engine, version, family)
    table[name] = group
    call.world.start(group, "creating", "elasticache:group", name)
    return {"ReplicationGroup": shown(call, group)}


def new_group(call, name, engine, version, family):
    params = call.params
    parameter_group, is_sharded = chosen_parameter_group(call, family)
    shards, members = counts(params, is_sharded)
    check_failover(params.get("AutomaticFailoverEnabled"), params.get("MultiAZEnabled"), members, is_sharded)
    is_encrypted = bool(params.get("TransitEncryptionEnabled"))
    check_auth_token(params.get("AuthToken"), is_encrypted)
    subnet_group = subnet_group_of(call, params["CacheSubnetGroupName"]) if params.get("CacheSubnetGroupName") else None
    if common.security_groups(call, params.get("SecurityGroupIds") or []) is None:
        raise refused("Some security groups do not exist")
    if params.get("KmsKeyId") and not common.key_exists(call, params["KmsKeyId"]):
        raise refused("The KMS key does not exist or is disabled")
    if params.get("SnapshotName") and params["SnapshotName"] not in call.table("snapshots"):
        raise fault("SnapshotNotFoundFault", f"Snapshot {params['SnapshotName']} not found")
    check_snapshots(params)
    zones = [s["SubnetAvailabilityZone"]["Name"] for s in subnet_group["Subnets"]] if subnet_group else [call.region + "a"]
    return common.copied(call, KEPT) | {
        "ReplicationGroupId": name,
        "Description": params["ReplicationGroupDescription"],
        "CacheNodeType": params["CacheNodeType"],
        "AutomaticFailover": "enabled" if params.get("AutomaticFailoverEnabled") else "disabled",
        "MultiAZ": "enabled" if params.get("MultiAZEnabled") else "disabled",
        "ClusterEnabled": is_sharded,
        "ClusterMode": "enabled" if is_sharded else "disabled",
        "AuthTokenEnabled": "AuthToken" in params,
        "TransitEncryptionEnabled": is_encrypted,
        "TransitEncryptionMode": params.get("TransitEncryptionMode", "required") if is_encrypted else None,
        "AtRestEncryptionEnabled": params.get("AtRestEncryptionEnabled", False),
        "SnapshotRetentionLimit": params.get("SnapshotRetentionLimit", 0),
        "SnapshotWindow": params.get("SnapshotWindow", "05:00-06:00"),
        "AutoMinorVersionUpgrade": params.get("AutoMinorVersionUpgrade", True),
        "DataTiering": "enabled" if params.get("DataTieringEnabled") else "disabled",
        "NetworkType": params.get("NetworkType", "ipv4"),
        "IpDiscovery": params.get("IpDiscovery", "ipv4"),
        "ReplicationGroupCreateTime": common.now(),
        "Engine": engine,
        "ARN": call.arn(f"replicationgroup:{name}"),
        "_version": version,
        "_parameter_group": parameter_group,
        "_subnet_group": subnet_group["CacheSubnetGroupName"] if subnet_group else "default",
        "_security_groups": params.get("SecurityGroupIds") or [],
        "_maintenance": params.get("PreferredMaintenanceWindow", "sun:23:00-mon:01:30").lower(),
        "_topic": params.get("NotificationTopicArn"),
        "_logs": logs_shown(params.get("LogDeliveryConfigurations")),
        "_port": params.get("Port", 6379),
        "_shards": make_shards(call, shards, members, zones),
        "_zones": zones,
        "_tags": params.get("Tags") or [],
        "_pending": {},
    }


def chosen_parameter_group(call, family):
    params = call.params
    name = params.get("CacheParameterGroupName")
    asked = params.get("ClusterMode")
    if name is None:
        is_sharded = asked == "enabled" or (params.get("NumNodeGroups") or 1) > 1
        return f"default.{family}{'.cluster.on' if is_sharded else ''}", is_sharded
    group = parameter_group_of(call, name)
    is_sharded = group["_values"].get("cluster-enabled") == "yes"
    check_parameter_group(call, name, family, is_sharded)
    if (params.get("NumNodeGroups") or 1) > 1 and not is_sharded:
        raise combination("NumNodeGroups above 1 needs a parameter group with cluster-enabled")
    return name, is_sharded


def counts(params, is_sharded):
    """(shards, nodes a shard)"""
    if params.get("NumCacheClusters") is not None:
        if params.get("NumNodeGroups") is not None or params.get("ReplicasPerNodeGroup") is not None:
            raise combination("Use either NumCacheClusters, or NumNodeGroups with ReplicasPerNodeGroup")
        if is_sharded:
            raise combination("NumCacheClusters can't be used with cluster mode")
        shards, members = 1, params["NumCacheClusters"]
    elif params.get("NodeGroupConfiguration"):
        setups = params["NodeGroupConfiguration"]
        shards, members = len(setups), 1 + (setups[0].get("ReplicaCount") or params.get("ReplicasPerNodeGroup") or 0)
    else:
        shards, members = params.get("NumNodeGroups") or 1, 1 + (params.get("ReplicasPerNodeGroup") or 0)
    if not 1 <= members <= 6:
        raise refused("A node group has between 0 and 5 replicas")
    if shards * members > 90:
        raise fault("NodeQuotaForClusterExceededFault", "More than 90 nodes")
    return shards, members


def check_failover(is_failover, is_multi_zone, members, is_sharded):
    if is_failover and members < 2 and not is_sharded:
        raise combination("Automatic failover is not supported without replicas.")
    if is_sharded and not is_failover:
        raise combination("Redis with cluster mode enabled cannot be created with auto failover turned off.")
    if is_multi_zone and not is_failover:
        raise combination("Must enable automatic failover to enable Multi-AZ.")


def check_snapshots(params):
    if not 0 <= (params.get("SnapshotRetentionLimit") or 0) <= 35:
        raise refused("The snapshot retention limit must be between 0 and 35")
    window = params.get("SnapshotWindow")
    if window and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d", window):
        raise refused(f"Invalid snapshot window format: {window}")


def logs_shown(given):
    return [
        {**{key: value for key, value in log.items() if key != "Enabled"}, "Status": "active"}
        for log in given or []
        if log.get("Enabled", True)
    ]


def host(group, call, prefix):
    kind = "master." if prefix == "primary" else "replica." if prefix == "reader" else "clustercfg."
    return f"{kind}{group['ReplicationGroupId']}.fake01.{call.region}.cache.amazonaws.com"


def member_name(group, shard, node):
    middle = f"-{shard['id']}" if group["ClusterEnabled"] else ""
    return f"{group['ReplicationGroupId']}{middle}-{node['number']:03d}"


def nodes(group):
    return [(shard, node) for shard in group["_shards"] for node in shard["nodes"]]


def shown(call, group):
    status, port = WORDS[call.world.phase(group)], group["_port"]
    view = {key: value for key, value in group.items() if not key.startswith("_")}
    view |= {"Status": status, "MemberClusters": [member_name(group, *pair) for pair in nodes(group)]}
    view |= {"LogDeliveryConfigurations": group["_logs"], "PendingModifiedValues": {}}
    is_made = status != "creating"
    if group["ClusterEnabled"] and is_made:
        view["ConfigurationEndpoint"] = {"Address": host(group, call, "configuration"), "Port": port}
    if is_made:
        view["NodeGroups"] = [shard_shown(call, group, shard, status) for shard in group["_shards"]]
    return view


def shard_shown(call, group, shard, status):
    members = [
        {
            "CacheClusterId": member_name(group, shard, node),
            "CacheNodeId": "0001",
            "PreferredAvailabilityZone": node["zone"],
        }
        | ({} if group["ClusterEnabled"] else {"CurrentRole": "primary" if node["is_primary"] else "replica"})
        for node in shard["nodes"]
    ]
    view = {"NodeGroupId": shard["id"], "Status": status, "NodeGroupMembers": members}
    if group["ClusterEnabled"]:
        return view | {"Slots": shard["slots"]}
    primary, reader = ({"Address": host(group, call, prefix), "Port": group["_port"]} for prefix in ("primary", "reader"))
    return view | {"PrimaryEndpoint": primary, "ReaderEndpoint": reader}


@operation("elasticache", "DescribeReplicationGroups")
def describe_groups(call):
    name = call.params.get("ReplicationGroupId")
    groups = [group_of(call, name)] if name else [group for _, group in common.alive(call, call.table("groups"))]
    groups, marker = common.page(call, [shown(call, group) for group in groups], "MaxRecords", "Marker")
    return {"ReplicationGroups": groups, "Marker": marker}


@operation("elasticache", "DescribeCacheClusters")
def describe_members(call):
    wanted = call.params.get("CacheClusterId")
    members = [
        member_shown(call, group, shard, node)
        for _, group in common.alive(call, call.table("groups"))
        for shard, node in nodes(group)
        if wanted in (None, member_name(group, shard, node))
    ]
    if wanted and not members:
        raise fault("CacheClusterNotFoundFault", f"CacheCluster {wanted} not found.")
    if call.params.get("ShowCacheClustersNotInReplicationGroups"):
        members = []
    members, marker = common.page(call, members, "MaxRecords", "Marker")
    return {"CacheClusters": members, "Marker": marker}


def member_shown(call, group, shard, node):
    name, status = member_name(group, shard, node), WORDS[call.world.phase(group)]
    endpoint = {"Address": f"{name}.fake01.{call.region}.cache.amazonaws.com", "Port": group["_port"]}
    copied = ("AutoMinorVersionUpgrade", "SnapshotRetentionLimit", "SnapshotWindow", "AuthTokenEnabled", "NetworkType")
    copied += ("TransitEncryptionEnabled", "TransitEncryptionMode", "AtRestEncryptionEnabled", "CacheNodeType", "Engine")
    copied += ("IpDiscovery", "ReplicationGroupId")
    view = {key: group.get(key) for key in copied} | {
        "CacheClusterId": name,
        "CacheClusterStatus": status,
        "EngineVersion": group["_version"],
        "NumCacheNodes": 1,
        "PreferredAvailabilityZone": node["zone"],
        "CacheClusterCreateTime": group["ReplicationGroupCreateTime"],
        "PreferredMaintenanceWindow": group["_maintenance"],
        "PendingModifiedValues": group["_pending"],
        "CacheParameterGroup": {
            "CacheParameterGroupName": group["_parameter_group"],
            "ParameterApplyStatus": "in-sync",
            "CacheNodeIdsToReboot": [],
        },
        "CacheSubnetGroupName": group["_subnet_group"],
        "SecurityGroups": [{"SecurityGroupId": name, "Status": "active"} for name in group["_security_groups"]],
        "ARN": call.arn(f"cluster:{name}"),
        "ReplicationGroupLogDeliveryEnabled": bool(group["_logs"]),
        "LogDeliveryConfigurations": group["_logs"],
    }
    if group["_topic"]:
        view["NotificationConfiguration"] = {"TopicArn": group["_topic"], "TopicStatus": "active"}
    if call.params.get("ShowCacheNodeInfo") and status != "creating":
        node_view = {"CacheNodeId": "0001", "CacheNodeStatus": status, "Endpoint": endpoint}
        view["CacheNodes"] = [node_view | {"ParameterGroupStatus": "in-sync", "CustomerAvailabilityZone": node["zone"]}]
    return view
