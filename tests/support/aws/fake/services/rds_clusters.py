"""Aurora's clusters: create, describe, modify, fail over, delete."""

from __future__ import annotations

import re

from ..registry import operation
from . import common
from .rds_engines import (
    DEFAULT_VERSION,
    ENGINE,
    LOG_TYPES,
    check_version,
    combination,
    family_of,
    fault,
    is_newer,
    refused,
)
from .rds_parameters import CLUSTER, parameter_group_of
from .rds_subnets import subnet_group_of

WORDS = {"creating": "creating", "modifying": "modifying", "deleting": "deleting", "ready": "available"}


def status(call, item):
    phase = call.world.phase(item)
    return item.get("_word") or WORDS[phase] if phase == "modifying" else WORDS[phase]


def cluster_of(call, name=None, is_available=False):
    name = (name or call.params["DBClusterIdentifier"]).lower().rsplit(":", 1)[-1]
    error = fault("DBClusterNotFoundFault", f"DBCluster {name} not found.")
    cluster = common.found(call, call.table("clusters"), name, error)
    if is_available and call.world.phase(cluster) != "ready":
        raise fault("InvalidDBClusterStateFault", f"DBCluster {name} is not in available state, it is {status(call, cluster)}.")
    return cluster


def instances_of(call, name):
    return [item for _, item in common.alive(call, call.table("instances")) if item["DBClusterIdentifier"] == name]


def check_identifier(name, what):
    if not re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{0,62}(?<!-)", name):
        raise refused(f"The parameter {what} is not a valid identifier: {name}")


def check_common(call):
    """What clusters and instances both check: monitoring, insights, keys, security groups, logs."""
    params = call.params
    interval = params.get("MonitoringInterval")
    if interval is not None and interval not in (0, 1, 5, 10, 15, 30, 60):
        raise refused(f"Invalid monitoring interval: {interval}")
    if interval and not params.get("MonitoringRoleArn") and not call.operation.startswith("Modify"):
        raise combination("A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.")
    if params.get("MonitoringRoleArn") and not common.role_exists(call, params["MonitoringRoleArn"]):
        raise refused("IAM role ARN value is invalid or does not include the required permissions for: ENHANCED_MONITORING")
    retention = params.get("PerformanceInsightsRetentionPeriod")
    if retention is not None and retention not in (7, 731, 465) and (retention % 31 or not 31 <= retention <= 713):
        raise refused(f"Invalid Performance Insights retention period: {retention}")
    mode = params.get("DatabaseInsightsMode")
    if mode not in (None, "standard", "advanced"):
        raise refused(f"Invalid DatabaseInsightsMode: {mode}")
    if mode == "advanced" and retention is not None and retention < 465:
        raise combination("To enable the Advanced mode of Database Insights, the retention period must be at least 465 days")
    for name in ("KmsKeyId", "PerformanceInsightsKMSKeyId", "MasterUserSecretKmsKeyId"):
        if params.get(name) and not common.key_exists(call, params[name]):
            raise fault("KMSKeyNotAccessibleFault", f"The specified KMS key {params[name]} does not exist or is disabled")
    if common.security_groups(call, params.get("VpcSecurityGroupIds") or []) is None:
        raise refused("Invalid security group, groupId not found")
    retention = params.get("BackupRetentionPeriod")
    if retention is not None and not 1 <= retention <= 35:
        raise refused("Invalid backup retention period. It must be between 1 and 35")
    if unknown := set(params.get("EnableCloudwatchLogsExports") or []) - LOG_TYPES:
        raise combination(f"You cannot use the log types '{', '.join(sorted(unknown))}' with engine version {ENGINE}")


def check_storage(kind):
    if kind not in (None, "", "aurora", "aurora-iopt1"):
        raise refused(f"Invalid storage type: {kind}. Valid values are aurora and aurora-iopt1")


@operation("rds", "CreateDBCluster")
def create_cluster(call):
    params, name = call.params, call.params["DBClusterIdentifier"].lower()
    table = call.table("clusters")
    if name in table and call.world.phase(table[name]) != "gone":
        raise fault("DBClusterAlreadyExistsFault", "DB Cluster already exists")
    check_identifier(name, "DBClusterIdentifier")
    if params["Engine"] != ENGINE:
        raise refused(f"Invalid DB engine: {params['Engine']} (the fake has {ENGINE} only)")
    version = params.get("EngineVersion", DEFAULT_VERSION)
    check_version(version)
    check_storage(params.get("StorageType"))
    check_common(call)
    from .rds_global import join_global

    is_secondary = join_global(call, name, version)
    check_credentials(params, is_secondary)
    cluster = new_cluster(call, name, version)
    table[name] = cluster
    if params.get("ManageMasterUserPassword"):
        cluster["MasterUserSecret"] = make_secret(call, cluster)
    call.world.start(cluster, "creating", "rds:cluster", name)
    return {"DBCluster": shown(call, cluster)}


def check_credentials(params, is_secondary):
    if is_secondary:
        if params.get("MasterUsername") or params.get("MasterUserPassword"):
            raise combination("Cannot specify user name for cross region replication cluster")
        return
    if not params.get("MasterUsername"):
        raise refused("The parameter MasterUsername must be provided and must not be blank.")
    if bool(params.get("MasterUserPassword")) == bool(params.get("ManageMasterUserPassword")):
        raise combination("Specify either MasterUserPassword, or ManageMasterUserPassword")
    password = params.get("MasterUserPassword")
    if password and (not 8 <= len(password) <= 128 or re.search(r"[/@\" ]", password)):
        raise refused("The parameter MasterUserPassword is not a valid password.")


def new_cluster(call, name, version):
    params = call.params
    subnet_group = subnet_group_of(call, params.get("DBSubnetGroupName") or "default")
    group = params.get("DBClusterParameterGroupName") or f"default.{family_of(version)}"
    check_group(call, group, version)
    key = params.get("KmsKeyId")
    copied = ("DatabaseName", "MasterUsername", "ServerlessV2ScalingConfiguration", "MonitoringRoleArn", "BacktrackWindow")
    copied += ("PerformanceInsightsKMSKeyId", "GlobalClusterIdentifier", "EngineLifecycleSupport")
    cluster = common.copied(call, copied) | {
        "DBClusterIdentifier": name,
        "DBClusterArn": call.arn(f"cluster:{name}"),
        "DbClusterResourceId": "cluster-" + common.hex_id(call, 26).upper(),
        "Engine": ENGINE,
        "EngineVersion": version,
        "EngineMode": params.get("EngineMode", "provisioned"),
        "AllocatedStorage": 1,
        "BackupRetentionPeriod": params.get("BackupRetentionPeriod", 1),
        "Port": params.get("Port", 5432),
        "DBSubnetGroup": subnet_group["DBSubnetGroupName"],
        "DBClusterParameterGroup": group,
        "AvailabilityZones": [s["SubnetAvailabilityZone"]["Name"] for s in subnet_group["Subnets"]][:3],
        "Endpoint": f"{name}.cluster-fake01.{call.region}.rds.amazonaws.com",
        "ReaderEndpoint": f"{name}.cluster-ro-fake01.{call.region}.rds.amazonaws.com",
        "HostedZoneId": "Z2R2ITUGPM61AM",
        "PreferredBackupWindow": params.get("PreferredBackupWindow", "03:00-03:30"),
        "PreferredMaintenanceWindow": params.get("PreferredMaintenanceWindow", "sun:05:00-sun:05:30").lower(),
        "StorageEncrypted": bool(params.get("StorageEncrypted") or key),
        "KmsKeyId": key_arn(call, key) if key else None,
        "IAMDatabaseAuthenticationEnabled": params.get("EnableIAMDatabaseAuthentication", False),
        "DeletionProtection": params.get("DeletionProtection", False),
        "CopyTagsToSnapshot": params.get("CopyTagsToSnapshot", False),
        "HttpEndpointEnabled": params.get("EnableHttpEndpoint", False),
        "AutoMinorVersionUpgrade": params.get("AutoMinorVersionUpgrade", True),
        "EnabledCloudwatchLogsExports": params.get("EnableCloudwatchLogsExports") or [],
        "VpcSecurityGroups": groups_shown(params.get("VpcSecurityGroupIds")),
        "NetworkType": params.get("NetworkType", "IPV4"),
        "MonitoringInterval": params.get("MonitoringInterval", 0),
        "DatabaseInsightsMode": params.get("DatabaseInsightsMode", "standard"),
        "PerformanceInsightsEnabled": params.get("EnablePerformanceInsights", False),
        "ClusterCreateTime": common.now(),
        "MultiAZ": False,
        "AssociatedRoles": [],
        "_storage": params.get("StorageType") or "aurora",
        "_tags": params.get("Tags") or [],
        "_writer": None,
    }
    if cluster["PerformanceInsightsEnabled"]:
        cluster["PerformanceInsightsRetentionPeriod"] = params.get("PerformanceInsightsRetentionPeriod", 7)
    return cluster


def key_arn(call, key):
    return call.aws("kms", "DescribeKey", KeyId=key)["KeyMetadata"]["Arn"]


def groups_shown(ids):
    return [{"VpcSecurityGroupId": name, "Status": "active"} for name in ids or []]


def check_group(call, name, version):
    group = parameter_group_of(call, name, CLUSTER)
    if group["DBParameterGroupFamily"] != family_of(version):
        message = f"The Parameter Group {name} with DBParameterGroupFamily {group['DBParameterGroupFamily']} cannot be used for this instance."
        raise combination(message + f" Please use a Parameter Group with DBParameterGroupFamily {family_of(version)}")


def make_secret(call, cluster):
    """A real secret of moto's, as RDS makes one."""
    key = call.params.get("MasterUserSecretKmsKeyId")
    made = call.aws(
        "secretsmanager",
        "CreateSecret",
        Name=f"rds!cluster-{common.hex_id(call, 32)}",
        Description=f"Secret associated with primary RDS DB cluster: {cluster['DBClusterArn']}",
        SecretString='{"username": "%s", "password": "made by the fake"}' % cluster.get("MasterUsername", ""),
        Tags=[{"Key": "aws:rds:primaryDBClusterArn", "Value": cluster["DBClusterArn"]}],
        **({"KmsKeyId": key} if key else {}),
    )
    default = call.arn("alias/aws/secretsmanager", service="kms")
    return {"SecretArn": made["ARN"], "SecretStatus": "active", "KmsKeyId": key_arn(call, key) if key else default}


def shown(call, cluster):
    name = cluster["DBClusterIdentifier"]
    view = {key: value for key, value in cluster.items() if not key.startswith("_") and value is not None}
    members = [
        {
            "DBInstanceIdentifier": instance["DBInstanceIdentifier"],
            "IsClusterWriter": instance["DBInstanceIdentifier"] == cluster["_writer"],
            "DBClusterParameterGroupStatus": "pending-reboot" if instance["_cluster_parameters_pending"] else "in-sync",
            "PromotionTier": instance["PromotionTier"],
        }
        for instance in instances_of(call, name)
    ]
    view |= {"Status": status(call, cluster), "DBClusterMembers": members, "TagList": cluster["_tags"]}
    if cluster["_storage"] == "aurora-iopt1":  # AWS tells no type for Aurora's standard storage.
        view["StorageType"] = "aurora-iopt1"
    return view


@operation("rds", "DescribeDBClusters")
def describe_clusters(call):
    name = call.params.get("DBClusterIdentifier")
    clusters = [cluster_of(call, name)] if name else [item for _, item in common.alive(call, call.table("clusters"))]
    names = {"db-cluster-id": "DBClusterIdentifier", "engine": "Engine", "db-cluster-resource-id": "DbClusterResourceId"}
    clusters = common.filtered(clusters, call.params.get("Filters"), names)
    clusters, marker = common.page(call, [shown(call, item) for item in clusters], "MaxRecords", "Marker")
    return {"DBClusters": clusters, "Marker": marker}


@operation("rds", "ModifyDBCluster")
def modify_cluster(call):
    cluster, params = cluster_of(call, is_available=True), call.params
    check_common(call)
    check_storage(params.get("StorageType"))
    change_version(call, cluster)
    if group := params.get("DBClusterParameterGroupName"):
        check_group(call, group, cluster["EngineVersion"])
        if group != cluster["DBClusterParameterGroup"]:
            cluster["DBClusterParameterGroup"] = group
            for instance in instances_of(call, cluster["DBClusterIdentifier"]):
                instance["_cluster_parameters_pending"] = True
    plain = ("BackupRetentionPeriod", "Port", "PreferredBackupWindow", "DeletionProtection", "CopyTagsToSnapshot")
    plain += ("MonitoringInterval", "MonitoringRoleArn", "DatabaseInsightsMode", "PerformanceInsightsRetentionPeriod")
    plain += ("PerformanceInsightsKMSKeyId", "ServerlessV2ScalingConfiguration", "AutoMinorVersionUpgrade", "NetworkType")
    cluster.update(common.copied(call, plain))
    for given, member in (
        ("EnableIAMDatabaseAuthentication", "IAMDatabaseAuthenticationEnabled"),
        ("EnablePerformanceInsights", "PerformanceInsightsEnabled"),
        ("EnableHttpEndpoint", "HttpEndpointEnabled"),
        ("StorageType", "_storage"),
    ):
        if params.get(given) is not None:
            cluster[member] = params[given]
    if params.get("PreferredMaintenanceWindow"):
        cluster["PreferredMaintenanceWindow"] = params["PreferredMaintenanceWindow"].lower()
    if params.get("VpcSecurityGroupIds"):
        cluster["VpcSecurityGroups"] = groups_shown(params["VpcSecurityGroupIds"])
    change_logs(cluster, params.get("CloudwatchLogsExportConfiguration") or {})
    if params.get("ManageMasterUserPassword") and "MasterUserSecret" not in cluster:
        cluster["MasterUserSecret"] = make_secret(call, cluster)
    if params.get("ManageMasterUserPassword") is False and "MasterUserSecret" in cluster:
        drop_secret(call, cluster)
    cluster["_word"] = "modifying"
    call.world.start(cluster, "modifying", "rds:cluster", cluster["DBClusterIdentifier"])
    return {"DBCluster": shown(call, cluster)}


def change_version(call, cluster):
    wanted, now = call.params.get("EngineVersion"), cluster["EngineVersion"]
    if not wanted or wanted == now:
        return
    check_version(wanted)
    if not is_newer(wanted, now):
        raise combination(f"Cannot upgrade {ENGINE} from {now} to {wanted}")
    if wanted.split(".")[0] != now.split(".")[0] and not call.params.get("AllowMajorVersionUpgrade"):
        raise combination("The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.")
    if not call.params.get("ApplyImmediately"):
        cluster["PendingModifiedValues"] = {"EngineVersion": wanted}
        return
    cluster["EngineVersion"] = wanted
    if family_of(wanted) != family_of(now):
        group = call.params.get("DBClusterParameterGroupName")
        if not group and not cluster["DBClusterParameterGroup"].startswith("default."):
            cluster["EngineVersion"] = now
            raise combination("The parameter group of the new major version's family must be given")
        cluster["DBClusterParameterGroup"] = group or f"default.{family_of(wanted)}"
    for instance in instances_of(call, cluster["DBClusterIdentifier"]):
        instance["EngineVersion"] = wanted
        if instance["_parameter_group"].startswith("default."):
            instance["_parameter_group"] = f"default.{family_of(wanted)}"


def change_logs(cluster, change):
    kinds = set(cluster["EnabledCloudwatchLogsExports"]) | set(change.get("EnableLogTypes") or [])
    cluster["EnabledCloudwatchLogsExports"] = sorted(kinds - set(change.get("DisableLogTypes") or []))


def drop_secret(call, cluster):
    secret = cluster.pop("MasterUserSecret", None)
    if secret:
        call.try_aws("secretsmanager", "DeleteSecret", SecretId=secret["SecretArn"], ForceDeleteWithoutRecovery=True)


@operation("rds", "FailoverDBCluster")
def fail_over(call):
    cluster = cluster_of(call, is_available=True)
    others = [i for i in instances_of(call, cluster["DBClusterIdentifier"]) if i["DBInstanceIdentifier"] != cluster["_writer"]]
    wanted = call.params.get("TargetDBInstanceIdentifier")
    others = [item for item in others if wanted in (None, item["DBInstanceIdentifier"])]
    if not others:
        raise fault("InvalidDBClusterStateFault", "The cluster has no instance to fail over to")
    cluster["_writer"] = min(others, key=lambda item: item["PromotionTier"])["DBInstanceIdentifier"]
    cluster["_word"] = "failing-over"
    call.world.start(cluster, "modifying", "rds:cluster", cluster["DBClusterIdentifier"])
    return {"DBCluster": shown(call, cluster)}


@operation("rds", "DeleteDBCluster")
def delete_cluster(call):
    cluster, params = cluster_of(call), call.params
    name, phase = cluster["DBClusterIdentifier"], call.world.phase(cluster)
    if cluster["DeletionProtection"]:
        raise combination("Cannot delete protected Cluster, please disable deletion protection and try again.")
    if phase != "ready":
        raise fault("InvalidDBClusterStateFault", f"DBCluster {name} is {status(call, cluster)}")
    if any(call.world.phase(item) != "deleting" for item in instances_of(call, name)):
        raise fault("InvalidDBClusterStateFault", "Cluster cannot be deleted, it still contains DB instances in non-deleting state.")
    if cluster.get("GlobalClusterIdentifier"):
        raise fault("InvalidDBClusterStateFault", "This cluster is a part of a global cluster, please remove it from globalcluster first")
    final = params.get("FinalDBSnapshotIdentifier")
    if bool(final) == bool(params.get("SkipFinalSnapshot")):
        raise combination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified, and only then.")
    if final:
        from .rds_snapshots import take_snapshot

        take_snapshot(call, cluster, final)

    def remove():
        drop_secret(call, call.table("clusters").pop(name))

    view = {**shown(call, cluster), "Status": "deleting"}
    call.world.start(cluster, "deleting", "rds:cluster", name, remove)
    return {"DBCluster": view}
