"""Aurora's global databases: one writing cluster, readers in other regions."""

from __future__ import annotations

from ..registry import operation
from ..world import public
from . import common
from .rds_engines import DEFAULT_VERSION, ENGINE, check_version, combination, fault, is_newer


def globals_of(call):
    return call.table("global_clusters", region="global")


def global_of(call, name=None):
    name = (name or call.params["GlobalClusterIdentifier"]).lower()
    return common.found(call, globals_of(call), name, fault("GlobalClusterNotFoundFault", f"Global cluster {name} not found"))


def members_of(call, name):
    """The clusters in the global one, over all regions, the first made first."""
    members = []
    for region in call.world.config["regions"]:
        for _, cluster in common.alive(call, call.table("clusters", region=region)):
            if cluster.get("GlobalClusterIdentifier") == name:
                members.append(cluster)
    return sorted(members, key=lambda cluster: cluster["ClusterCreateTime"])


def writer_of(call, item):
    members = members_of(call, item["GlobalClusterIdentifier"])
    arns = [cluster["DBClusterArn"] for cluster in members]
    return item["_writer"] if item["_writer"] in arns else (arns[0] if arns else None)


def join_global(call, name, version):
    """Whether the cluster about to be made reads from another one; refuses what can't join."""
    wanted, params = call.params.get("GlobalClusterIdentifier"), call.params
    if not wanted:
        return False
    item = global_of(call, wanted)
    if params.get("ManageMasterUserPassword"):
        raise combination("ManageMasterUserPassword isn't supported for DB clusters that are part of an Aurora global database")
    members = members_of(call, item["GlobalClusterIdentifier"])
    if version != item["EngineVersion"] and members:
        raise combination("The engine version of the cluster must be that of the global cluster")
    if any(cluster["DBClusterArn"].split(":")[3] == call.region for cluster in members):
        raise fault("InvalidGlobalClusterStateFault", f"The global cluster has a member in {call.region} already")
    encrypted = bool(params.get("StorageEncrypted") or params.get("KmsKeyId"))
    if encrypted != item["StorageEncrypted"] and members:
        raise combination("The cluster must be encrypted just as the global cluster is")
    if members and encrypted and not params.get("KmsKeyId"):
        raise combination("KmsKeyId should be explicitly specified for an encrypted cross-region cluster")
    if not members:
        item.update(EngineVersion=version, StorageEncrypted=encrypted)
    return bool(members)


def shown(call, item):
    name, writer = item["GlobalClusterIdentifier"], writer_of(call, item)
    arns = [cluster["DBClusterArn"] for cluster in members_of(call, name)]
    members = [
        {
            "DBClusterArn": arn,
            "IsWriter": arn == writer,
            "Readers": [other for other in arns if other != arn] if arn == writer else [],
            "GlobalWriteForwardingStatus": "disabled",
            "SynchronizationStatus": "connected",
        }
        for arn in arns
    ]
    phase = call.world.phase(item)
    words = {"ready": "available", "modifying": item.get("_word", "modifying")}
    view = {**public(item), "Status": words.get(phase, phase), "GlobalClusterMembers": members, "TagList": item["_tags"]}
    return view | {"Endpoint": f"{name}.global-fake01.global.rds.amazonaws.com"}


@operation("rds", "CreateGlobalCluster")
def create_global(call):
    params, name = call.params, call.params["GlobalClusterIdentifier"].lower()
    if name in globals_of(call):
        raise fault("GlobalClusterAlreadyExistsFault", f"Global cluster {name} already exists")
    source = None
    if arn := params.get("SourceDBClusterIdentifier"):
        from .rds_clusters import cluster_of

        source = cluster_of(call, arn, is_available=True)
        if source.get("MasterUserSecret"):
            raise combination("A cluster whose password is managed in Secrets Manager can't be part of a global database")
    version = source["EngineVersion"] if source else params.get("EngineVersion", DEFAULT_VERSION)
    check_version(version)
    item = {
        "GlobalClusterIdentifier": name,
        "GlobalClusterResourceId": "cluster-" + common.hex_id(call, 16),
        "GlobalClusterArn": call.arn(f"global-cluster:{name}", region=""),
        "Engine": source["Engine"] if source else params.get("Engine", ENGINE),
        "EngineVersion": version,
        "DatabaseName": params.get("DatabaseName"),
        "StorageEncrypted": source["StorageEncrypted"] if source else params.get("StorageEncrypted", False),
        "DeletionProtection": params.get("DeletionProtection", False),
        "_writer": None,
        "_tags": params.get("Tags") or [],
    }
    if source:
        source["GlobalClusterIdentifier"] = name
    globals_of(call)[name] = item
    call.world.start(item, "creating", "rds:global", name)
    return {"GlobalCluster": shown(call, item)}


@operation("rds", "DescribeGlobalClusters")
def describe_globals(call):
    name = call.params.get("GlobalClusterIdentifier")
    items = [global_of(call, name)] if name else [item for _, item in common.alive(call, globals_of(call))]
    items, marker = common.page(call, [shown(call, item) for item in items], "MaxRecords", "Marker")
    return {"GlobalClusters": items, "Marker": marker}


@operation("rds", "ModifyGlobalCluster")
def modify_global(call):
    item, params = global_of(call), call.params
    if params.get("DeletionProtection") is not None:
        item["DeletionProtection"] = params["DeletionProtection"]
    if wanted := params.get("EngineVersion"):
        check_version(wanted)
        if wanted != item["EngineVersion"] and not is_newer(wanted, item["EngineVersion"]):
            raise combination(f"Cannot upgrade from {item['EngineVersion']} to {wanted}")
        item["EngineVersion"] = wanted
        for cluster in members_of(call, item["GlobalClusterIdentifier"]):
            cluster["EngineVersion"] = wanted
    if new := params.get("NewGlobalClusterIdentifier"):
        for cluster in members_of(call, item["GlobalClusterIdentifier"]):
            cluster["GlobalClusterIdentifier"] = new.lower()
        globals_of(call)[new.lower()] = globals_of(call).pop(item["GlobalClusterIdentifier"])
        item["GlobalClusterIdentifier"] = new.lower()
    item["_word"] = "modifying"
    call.world.start(item, "modifying", "rds:global", item["GlobalClusterIdentifier"])
    return {"GlobalCluster": shown(call, item)}


def member(call, item, identifier):
    for cluster in members_of(call, item["GlobalClusterIdentifier"]):
        if identifier in (cluster["DBClusterArn"], cluster["DBClusterIdentifier"]):
            return cluster
    raise fault("DBClusterNotFoundFault", f"{identifier} is no member of {item['GlobalClusterIdentifier']}")


@operation("rds", "RemoveFromGlobalCluster")
def remove_member(call):
    item = global_of(call)
    cluster = member(call, item, call.params["DbClusterIdentifier"])
    others = len(members_of(call, item["GlobalClusterIdentifier"])) - 1
    if cluster["DBClusterArn"] == writer_of(call, item) and others:
        raise fault("InvalidGlobalClusterStateFault", "The primary cluster can't be removed while there are secondary clusters")
    del cluster["GlobalClusterIdentifier"]
    cluster.setdefault("MasterUsername", "postgres")
    cluster["_word"] = "promoting"
    call.world.start(cluster, "modifying", "rds:cluster", cluster["DBClusterIdentifier"])
    return {"GlobalCluster": shown(call, item)}


@operation("rds", "FailoverGlobalCluster", "SwitchoverGlobalCluster")
def move_writer(call):
    item = global_of(call)
    target = member(call, item, call.params["TargetDbClusterIdentifier"])
    if call.world.phase(item) != "ready":
        raise fault("InvalidGlobalClusterStateFault", "The global cluster is not available")
    if target["DBClusterArn"] == writer_of(call, item):
        raise fault("InvalidDBClusterStateFault", "The target is the primary cluster already")
    if call.params.get("AllowDataLoss") and call.params.get("Switchover"):
        raise combination("AllowDataLoss and Switchover exclude each other")
    item["_writer"] = target["DBClusterArn"]
    item["_word"] = "failing-over" if call.params.get("AllowDataLoss") else "switching-over"
    call.world.start(item, "modifying", "rds:global", item["GlobalClusterIdentifier"])
    return {"GlobalCluster": shown(call, item)}


@operation("rds", "DeleteGlobalCluster")
def delete_global(call):
    item = global_of(call)
    name = item["GlobalClusterIdentifier"]
    if item["DeletionProtection"]:
        raise combination("Cannot delete protected Cluster, please disable deletion protection and try again.")
    if members_of(call, name):
        raise fault("InvalidGlobalClusterStateFault", f"Global Cluster {item['GlobalClusterArn']} is not empty")
    view = {**shown(call, item), "Status": "deleting"}
    call.world.start(item, "deleting", "rds:global", name, lambda: globals_of(call).pop(name, None))
    return {"GlobalCluster": view}
