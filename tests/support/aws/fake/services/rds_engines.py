"""Aurora's engine versions, instance classes and known parameters."""

from __future__ import annotations

import re

from ..errors import AwsError
from ..registry import operation
from . import common

ENGINE = "aurora-postgresql"
VERSIONS = (
    "15.10 15.12 15.13 15.14 15.15 15.17 15.18 15.19 16.6 16.8 16.9 16.10 17.4 17.5 17.6".split()
)
DEFAULT_VERSION = "17.4"
FAMILIES = ("aurora-postgresql15", "aurora-postgresql16", "aurora-postgresql17")
SIZES = {
    "db.r5": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge",
    "db.r6g": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "db.r6i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 32xlarge",
    "db.r7g": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "db.r7i": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    "db.r8g": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge 48xlarge",
    "db.x2g": "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge",
    "db.t3": "medium large",
    "db.t4g": "medium large",
}
CLASSES = {f"{family}.{size}" for family, sizes in SIZES.items() for size in sizes.split()} | {"db.serverless"}
LOG_TYPES = {"postgresql", "instance", "iam-db-auth-error"}

# name -> (data type, apply type, allowed values, default, belongs to the cluster's group only)
INT = "integer"
PARAMETERS = {
    "max_connections": (INT, "static", "6-262143", "LEAST({DBInstanceClassMemory/9531392},5000)", False),
    "shared_buffers": (INT, "static", "16-1073741823", "SUM({DBInstanceClassMemory/12038},-50003)", False),
    "effective_cache_size": (INT, "dynamic", "1-2147483647", "SUM({DBInstanceClassMemory/12038},-50003)", False),
    "work_mem": (INT, "dynamic", "64-2147483647", "4096", False),
    "maintenance_work_mem": (INT, "dynamic", "1024-2147483647", "GREATEST({DBInstanceClassMemory/63963136*1024},65536)", False),
    "autovacuum_max_workers": (INT, "static", "1-262143", "GREATEST({DBInstanceClassMemory/64371566592},3)", False),
    "autovacuum_naptime": (INT, "dynamic", "1-2147483", "5", False),
    "autovacuum_vacuum_cost_limit": (INT, "dynamic", "-1-10000", "GREATEST({log(DBInstanceClassMemory/21474836480)*600},200)", False),
    "autovacuum_vacuum_cost_delay": ("float", "dynamic", "-1-100", "2", False),
    "autovacuum_vacuum_scale_factor": ("float", "dynamic", "0-100", "0.1", False),
    "autovacuum_analyze_scale_factor": ("float", "dynamic", "0-100", "0.05", False),
    "rds.force_ssl": ("boolean", "dynamic", "0,1", "1", True),
    "rds.logical_replication": ("boolean", "static", "0,1", "0", True),
    "rds.global_db_rpo": (INT, "dynamic", "20-2147483647", "", True),
    "rds.log_retention_period": (INT, "dynamic", "1440-10080", "4320", False),
    "log_min_duration_statement": (INT, "dynamic", "-1-2147483647", "-1", False),
    "log_statement": ("string", "dynamic", "none,ddl,mod,all", "none", False),
    "log_connections": ("boolean", "dynamic", "0,1", "0", False),
    "log_disconnections": ("boolean", "dynamic", "0,1", "0", False),
    "log_lock_waits": ("boolean", "dynamic", "0,1", "0", False),
    "log_temp_files": (INT, "dynamic", "-1-2147483647", "-1", False),
    "log_autovacuum_min_duration": (INT, "dynamic", "-1-2147483647", "10000", False),
    "log_checkpoints": ("boolean", "dynamic", "0,1", "1", False),
    "shared_preload_libraries": ("list", "static", None, "pg_stat_statements", False),
    "pg_stat_statements.track": ("string", "dynamic", "none,top,all", "top", False),
    "statement_timeout": (INT, "dynamic", "0-2147483647", "0", False),
    "lock_timeout": (INT, "dynamic", "0-2147483647", "0", False),
    "idle_in_transaction_session_timeout": (INT, "dynamic", "0-2147483647", "86400000", False),
    "random_page_cost": ("float", "dynamic", "0-1.79769e+308", "4", False),
    "seq_page_cost": ("float", "dynamic", "0-1.79769e+308", "1", False),
    "default_statistics_target": (INT, "dynamic", "1-10000", "100", False),
    "max_worker_processes": (INT, "static", "0-262143", "GREATEST({DBInstanceClassVCPU*2},8)", False),
    "max_parallel_workers": (INT, "dynamic", "0-1024", "GREATEST({DBInstanceClassVCPU/2},8)", False),
    "max_parallel_workers_per_gather": (INT, "dynamic", "0-1024", "2", False),
    "max_prepared_transactions": (INT, "static", "0-262143", "0", False),
    "max_replication_slots": (INT, "static", "5-262143", "20", True),
    "max_wal_senders": (INT, "static", "5-262143", "10", True),
    "max_locks_per_transaction": (INT, "static", "10-2147483647", "64", False),
    "temp_buffers": (INT, "dynamic", "100-1073741823", "1024", False),
    "huge_pages": ("string", "static", "on,off,try", "on", False),
    "synchronous_commit": ("string", "dynamic", "on,off,local,remote_write", "on", False),
    "timezone": ("string", "dynamic", None, "UTC", True),
    "tcp_keepalives_idle": (INT, "dynamic", "0-2147483647", "300", False),
    "jit": ("boolean", "dynamic", "0,1", "0", False),
    "ssl_min_protocol_version": ("string", "dynamic", "TLSv1,TLSv1.1,TLSv1.2,TLSv1.3", "TLSv1.2", True),
}


def fault(shape, message):
    return common.fault("rds", shape, message)


def refused(message):
    return AwsError("InvalidParameterValue", message)


def combination(message):
    return AwsError("InvalidParameterCombination", message)


def family_of(version):
    return ENGINE + version.split(".")[0]


def check_version(version):
    if version not in VERSIONS:
        raise refused(f"Cannot find version {version} for {ENGINE}")


def check_class(name):
    if name not in CLASSES:
        raise refused(f"Invalid DB Instance class: {name}")


def check_value(name, value):
    """Refuses an unknown parameter, and a value out of its range; a formula is taken as it is."""
    if name not in PARAMETERS:
        raise refused(f"Could not find parameter with name: {name}")
    kind, _, allowed, _, _ = PARAMETERS[name]
    if allowed is None or ("{" in value and kind == INT):
        return
    if kind in ("string", "boolean"):
        is_fine = value in allowed.split(",")
    else:
        least, most = re.fullmatch(r"(-?[\d.]+)-(.+)", allowed).groups()
        pattern = r"-?\d+" if kind == INT else r"-?\d+(\.\d+)?"
        is_fine = re.fullmatch(pattern, value) is not None and float(least) <= float(value) <= float(most)
    if not is_fine:
        raise refused(f"Invalid parameter value: {value} for: {name} allowed values are: {allowed}")


def parameter_rows(values, methods, source, is_cluster):
    rows = []
    for name, (kind, apply_type, allowed, default, is_cluster_only) in PARAMETERS.items():
        if is_cluster_only and not is_cluster:
            continue
        row_source = "user" if name in values else "engine-default" if default == "" else "system"
        if source not in (None, "", row_source):
            continue
        row = {
            "ParameterName": name,
            "ParameterValue": values.get(name, default) or None,
            "Description": name,
            "Source": row_source,
            "ApplyType": apply_type,
            "DataType": kind,
            "AllowedValues": allowed,
            "IsModifiable": True,
            "ApplyMethod": methods.get(name, "pending-reboot"),
        }
        rows.append({key: value for key, value in row.items() if value is not None})
    return rows


@operation("rds", "DescribeDBEngineVersions")
def describe_engine_versions(call):
    params = call.params
    rows = [version_row(version) for version in VERSIONS if params.get("Engine") in (None, ENGINE)]
    version = params.get("EngineVersion")
    rows = [row for row in rows if version in (None, row["EngineVersion"], row["MajorEngineVersion"])]
    rows = [row for row in rows if params.get("DBParameterGroupFamily") in (None, row["DBParameterGroupFamily"])]
    if params.get("DefaultOnly"):
        rows = [row for row in rows if row["EngineVersion"] == DEFAULT_VERSION] or rows[-1:]
    rows, marker = common.page(call, rows, "MaxRecords", "Marker")
    return {"DBEngineVersions": rows, "Marker": marker}


def version_row(version):
    major = version.split(".")[0]
    return {
        "Engine": ENGINE,
        "EngineVersion": version,
        "MajorEngineVersion": major,
        "DBParameterGroupFamily": family_of(version),
        "DBEngineDescription": "Aurora (PostgreSQL)",
        "DBEngineVersionDescription": f"Aurora PostgreSQL (Compatible with PostgreSQL {version})",
        "ValidUpgradeTarget": [
            {"Engine": ENGINE, "EngineVersion": target, "IsMajorVersionUpgrade": target.split(".")[0] != major}
            for target in VERSIONS
            if is_newer(target, version)
        ],
        "ExportableLogTypes": ["postgresql"],
        "SupportsLogExportsToCloudwatchLogs": True,
        "SupportsGlobalDatabases": True,
        "SupportedEngineModes": ["provisioned"],
        "Status": "available",
    }


def is_newer(target, version):
    return [int(part) for part in target.split(".")] > [int(part) for part in version.split(".")]


@operation("rds", "DescribeOrderableDBInstanceOptions")
def describe_options(call):
    params, zones = call.params, [{"Name": call.region + letter} for letter in "abc"]
    rows = [
        {
            "Engine": ENGINE,
            "EngineVersion": version,
            "DBInstanceClass": name,
            "LicenseModel": "postgresql-license",
            "AvailabilityZones": zones,
            "StorageType": storage,
            "Vpc": True,
            "SupportsClusters": True,
            "SupportsPerformanceInsights": name != "db.t3.medium",
            "SupportsGlobalDatabases": not name.startswith("db.t"),
            "SupportsEnhancedMonitoring": True,
        }
        for version in VERSIONS
        if params["Engine"] == ENGINE and params.get("EngineVersion") in (None, version)
        for name in sorted(CLASSES)
        if params.get("DBInstanceClass") in (None, name)
        for storage in ("aurora", "aurora-iopt1")
    ]
    rows, marker = common.page(call, rows, "MaxRecords", "Marker")
    return {"OrderableDBInstanceOptions": rows, "Marker": marker}


@operation("rds", "DescribeEngineDefaultClusterParameters", "DescribeEngineDefaultParameters")
def describe_default_parameters(call):
    family = call.params["DBParameterGroupFamily"]
    if family not in FAMILIES:
        raise refused(f"Invalid DB parameter group family: {family}")
    rows = parameter_rows({}, {}, None, "Cluster" in call.operation)
    rows, marker = common.page(call, rows, "MaxRecords", "Marker")
    return {"EngineDefaults": {"DBParameterGroupFamily": family, "Parameters": rows, "Marker": marker}}
