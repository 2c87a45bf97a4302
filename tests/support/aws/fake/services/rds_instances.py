"""Aurora's instances, members of a cluster: create, describe, modify, reboot, delete."""

from __future__ import annotations

from ..registry import operation
from . import common
from .rds_clusters import check_common, check_identifier, cluster_of, instances_of, status
from .rds_engines import ENGINE, check_class, combination, family_of, fault, refused
from .rds_parameters import INSTANCE, parameter_group_of
from .rds_subnets import subnet_group_of


def instance_of(call, is_available=False):
    name = call.params["DBInstanceIdentifier"].lower()
    error = fault("DBInstanceNotFoundFault", f"DBInstance {name} not found.")
    instance = common.found(call, call.table("instances"), name, error)
    if is_available and call.world.phase(instance) != "ready":
        raise fault("InvalidDBInstanceStateFault", f"Instance {name} is not in available state, it is {status(call, instance)}.")
    return instance


@operation("rds", "CreateDBInstance")
def create_instance(call):
    params, name = call.params, call.params["DBInstanceIdentifier"].lower()
    table = call.table("instances")
    if name in table and call.world.phase(table[name]) != "gone":
        raise fault("DBInstanceAlreadyExistsFault", "DB instance already exists")
    check_identifier(name, "DBInstanceIdentifier")
    if params["Engine"] != ENGINE or not params.get("DBClusterIdentifier"):
        raise refused(f"The fake has instances of {ENGINE} clusters only")
    for member in ("MasterUsername", "MasterUserPassword", "AllocatedStorage", "StorageType", "BackupRetentionPeriod"):
        if params.get(member) is not None:
            raise combination(f"The requested DB Instance will be a member of a DB Cluster. Set {member} for the DB Cluster.")
    cluster = cluster_of(call, params["DBClusterIdentifier"])
    if call.world.phase(cluster) == "deleting":
        raise fault("InvalidDBClusterStateFault", f"DBCluster {cluster['DBClusterIdentifier']} is being deleted")
    if params.get("EngineVersion") not in (None, cluster["EngineVersion"]):
        raise combination("The engine version that you requested does not match that of the cluster")
    if len(instances_of(call, cluster["DBClusterIdentifier"])) >= 16:
        raise fault("InstanceQuotaExceededFault", "A cluster has 16 instances at most")
    check_class(params["DBInstanceClass"])
    check_common(call)
    instance = new_instance(call, cluster, name)
    table[name] = instance
    if cluster["_writer"] is None:
        cluster["_writer"] = name
    call.world.start(instance, "creating", "rds:instance", name)
    instance["_until"] = max(instance["_until"], cluster["_until"])  # Not before its cluster.
    return {"DBInstance": shown(call, instance)}


def new_instance(call, cluster, name):
    params = call.params
    zones = [s["SubnetAvailabilityZone"]["Name"] for s in subnet_group_of(call, cluster["DBSubnetGroup"])["Subnets"]]
    count = len(instances_of(call, cluster["DBClusterIdentifier"]))
    zone = params.get("AvailabilityZone") or zones[count % len(zones)]
    if zone not in zones:
        raise fault("InvalidVPCNetworkStateFault", f"The subnet group has no subnet in {zone}")
    if params.get("DBSubnetGroupName") not in (None, cluster["DBSubnetGroup"]):
        raise combination("The DB subnet group must be that of the cluster")
    group = params.get("DBParameterGroupName") or f"default.{family_of(cluster['EngineVersion'])}"
    check_group(call, group, cluster["EngineVersion"])
    tier = params.get("PromotionTier", 1)
    if not 0 <= tier <= 15:
        raise refused("PromotionTier must be between 0 and 15")
    has_insights = params.get("EnablePerformanceInsights", cluster["PerformanceInsightsEnabled"])
    instance = {
        "DBInstanceIdentifier": name,
        "DBClusterIdentifier": cluster["DBClusterIdentifier"],
        "DBInstanceClass": params["DBInstanceClass"],
        "DBInstanceArn": call.arn(f"db:{name}"),
        "DbiResourceId": "db-" + common.hex_id(call, 26).upper(),
        "Engine": ENGINE,
        "EngineVersion": cluster["EngineVersion"],
        "AllocatedStorage": 1,
        "AvailabilityZone": zone,
        "AutoMinorVersionUpgrade": params.get("AutoMinorVersionUpgrade", True),
        "PubliclyAccessible": params.get("PubliclyAccessible", False),
        "PromotionTier": tier,
        "CopyTagsToSnapshot": params.get("CopyTagsToSnapshot", False),
        "CACertificateIdentifier": params.get("CACertificateIdentifier", "rds-ca-rsa2048-g1"),
        "MonitoringInterval": params.get("MonitoringInterval", cluster["MonitoringInterval"]),
        "MonitoringRoleArn": params.get("MonitoringRoleArn", cluster.get("MonitoringRoleArn")),
        "PerformanceInsightsEnabled": has_insights,
        "DatabaseInsightsMode": params.get("DatabaseInsightsMode", cluster["DatabaseInsightsMode"]),
        "PreferredMaintenanceWindow": params.get("PreferredMaintenanceWindow", "sun:06:00-sun:06:30").lower(),
        "LicenseModel": "postgresql-license",
        "InstanceCreateTime": common.now(),
        "NetworkType": "IPV4",
        "_subnet_group": cluster["DBSubnetGroup"],
        "_parameter_group": group,
        "_parameters_pending": False,
        "_cluster_parameters_pending": False,
        "_tags": params.get("Tags") or [],
    }
    if has_insights:
        default = cluster.get("PerformanceInsightsRetentionPeriod", 7)
        instance["PerformanceInsightsRetentionPeriod"] = params.get("PerformanceInsightsRetentionPeriod", default)
        key = params.get("PerformanceInsightsKMSKeyId") or cluster.get("PerformanceInsightsKMSKeyId")
        instance["PerformanceInsightsKMSKeyId"] = key
    return instance


def check_group(call, name, version):
    family = parameter_group_of(call, name, INSTANCE)["DBParameterGroupFamily"]
    if family != family_of(version):
        raise combination(f"The Parameter Group {name} with DBParameterGroupFamily {family} cannot be used for this instance.")


def shown(call, instance):
    cluster = call.table("clusters").get(instance["DBClusterIdentifier"])
    view = {key: value for key, value in instance.items() if not key.startswith("_") and value is not None}
    pending = "pending-reboot" if instance["_parameters_pending"] else "in-sync"
    view |= {
        "DBInstanceStatus": status(call, instance),
        "DBParameterGroups": [{"DBParameterGroupName": instance["_parameter_group"], "ParameterApplyStatus": pending}],
        "TagList": instance["_tags"],
        "DBSecurityGroups": [],
        "PendingModifiedValues": instance.get("_pending", {}),
        "OptionGroupMemberships": [],
        "StatusInfos": [],
        "MultiAZ": False,
    }
    if cluster:
        copied = ("MasterUsername", "StorageEncrypted", "KmsKeyId", "BackupRetentionPeriod", "PreferredBackupWindow")
        copied += ("DeletionProtection", "IAMDatabaseAuthenticationEnabled", "EnabledCloudwatchLogsExports")
        view |= {key: cluster[key] for key in copied if cluster.get(key) is not None}
        view |= {"VpcSecurityGroups": cluster["VpcSecurityGroups"], "StorageType": cluster["_storage"]}
        view["DBSubnetGroup"] = subnet_shown(call, cluster["DBSubnetGroup"])
        if view["DBInstanceStatus"] != "creating":
            address = f"{instance['DBInstanceIdentifier']}.fake01.{call.region}.rds.amazonaws.com"
            view["Endpoint"] = {"Address": address, "Port": cluster["Port"], "HostedZoneId": "Z2R2ITUGPM61AM"}
    return view


def subnet_shown(call, name):
    from ..world import public

    return public(subnet_group_of(call, name))


@operation("rds", "DescribeDBInstances")
def describe_instances(call):
    named = call.params.get("DBInstanceIdentifier")
    instances = [instance_of(call)] if named else [item for _, item in common.alive(call, call.table("instances"))]
    names = {"db-instance-id": "DBInstanceIdentifier", "db-cluster-id": "DBClusterIdentifier", "engine": "Engine"}
    names["dbi-resource-id"] = "DbiResourceId"
    instances = common.filtered(instances, by_name(call.params.get("Filters")), names)
    instances, marker = common.page(call, [shown(call, item) for item in instances], "MaxRecords", "Marker")
    return {"DBInstances": instances, "Marker": marker}


def by_name(filters):
    """Filters with ARNs of clusters and instances turned into their names."""
    return [{**wanted, "Values": [value.rsplit(":", 1)[-1] for value in wanted["Values"]]} for wanted in filters or []]


@operation("rds", "ModifyDBInstance")
def modify_instance(call):
    instance, params = instance_of(call, is_available=True), call.params
    check_common(call)
    for member in ("BackupRetentionPeriod", "MasterUserPassword", "VpcSecurityGroupIds", "StorageType", "DeletionProtection"):
        if params.get(member) is not None:
            raise combination(f"Set {member} for the DB Cluster: the instance is a member of one")
    if kind := params.get("DBInstanceClass"):
        check_class(kind)
        if params.get("ApplyImmediately"):
            instance["DBInstanceClass"] = kind
        elif kind != instance["DBInstanceClass"]:
            instance["_pending"] = {"DBInstanceClass": kind}
    if group := params.get("DBParameterGroupName"):
        check_group(call, group, instance["EngineVersion"])
        instance["_parameters_pending"] |= group != instance["_parameter_group"]
        instance["_parameter_group"] = group
    plain = ("AutoMinorVersionUpgrade", "PubliclyAccessible", "PromotionTier", "CopyTagsToSnapshot", "MonitoringInterval")
    plain += ("CACertificateIdentifier", "MonitoringRoleArn", "PerformanceInsightsRetentionPeriod", "DatabaseInsightsMode")
    instance.update(common.copied(call, plain))
    if params.get("EnablePerformanceInsights") is not None:
        instance["PerformanceInsightsEnabled"] = params["EnablePerformanceInsights"]
        instance.setdefault("PerformanceInsightsRetentionPeriod", 7)
    if params.get("PreferredMaintenanceWindow"):
        instance["PreferredMaintenanceWindow"] = params["PreferredMaintenanceWindow"].lower()
    instance["_word"] = "modifying"
    call.world.start(instance, "modifying", "rds:instance", instance["DBInstanceIdentifier"])
    return {"DBInstance": shown(call, instance)}


@operation("rds", "RebootDBInstance")
def reboot_instance(call):
    instance = instance_of(call, is_available=True)
    instance.update(_parameters_pending=False, _cluster_parameters_pending=False, _word="rebooting")
    call.world.start(instance, "modifying", "rds:instance", instance["DBInstanceIdentifier"])
    return {"DBInstance": shown(call, instance)}


@operation("rds", "DeleteDBInstance")
def delete_instance(call):
    instance = instance_of(call)
    name, phase = instance["DBInstanceIdentifier"], call.world.phase(instance)
    if phase == "deleting":
        raise fault("InvalidDBInstanceStateFault", f"Instance {name} is already being deleted.")
    if call.params.get("FinalDBSnapshotIdentifier"):
        raise combination("A final snapshot is taken of the DB Cluster, not of its member")
    cluster = call.table("clusters")[instance["DBClusterIdentifier"]]
    call.world.start(instance, "deleting", "rds:instance", name, lambda: call.table("instances").pop(name, None))
    view = {**shown(call, {**instance, "_phase": None}), "DBInstanceStatus": "deleting"}
    if cluster["_writer"] == name:
        left = [i for i in instances_of(call, cluster["DBClusterIdentifier"]) if call.world.phase(i) != "deleting"]
        cluster["_writer"] = min(left, key=lambda i: i["PromotionTier"])["DBInstanceIdentifier"] if left else None
    return {"DBInstance": view}
