"""ElastiCache's parameter groups, subnet groups and engine versions."""

from __future__ import annotations

import re

from ..errors import AwsError
from ..registry import operation
from ..world import public
from . import common

# engine version as asked -> (as told back, family)
ENGINES = {
    "redis": {
        "6.0": ("6.0.5", "redis6.x"),
        "6.2": ("6.2.6", "redis6.x"),
        "7.0": ("7.0.7", "redis7"),
        "7.1": ("7.1.0", "redis7"),
    },
    "valkey": {
        "7.2": ("7.2.6", "valkey7"),
        "8.0": ("8.0.1", "valkey8"),
        "8.1": ("8.1.0", "valkey8"),
        "8.2": ("8.2.0", "valkey8"),
        "9.0": ("9.0.0", "valkey9"),
        "9.1": ("9.1.0", "valkey9"),
    },
}
FAMILIES = ("redis6.x", "redis7", "valkey7", "valkey8", "valkey9")
POLICIES = "volatile-lru,allkeys-lru,volatile-lfu,allkeys-lfu,volatile-random,allkeys-random,volatile-ttl,noeviction"
# name -> (type, default, allowed, is modifiable, change type)
PARAMETERS = {
    "maxmemory-policy": ("string", "volatile-lru", POLICIES, True, "immediate"),
    "maxmemory-samples": ("integer", "3", "1-", True, "immediate"),
    "maxclients": ("integer", "65000", "1-65000", False, "requires-reboot"),
    "timeout": ("integer", "0", "0,20-", True, "immediate"),
    "tcp-keepalive": ("integer", "300", "0-", True, "immediate"),
    "notify-keyspace-events": ("string", "", None, True, "immediate"),
    "reserved-memory-percent": ("integer", "25", "0-100", True, "immediate"),
    "activedefrag": ("string", "no", "yes,no", True, "immediate"),
    "activerehashing": ("string", "yes", "yes,no", True, "requires-reboot"),
    "active-expire-effort": ("integer", "1", "1-10", True, "immediate"),
    "appendonly": ("string", "no", "yes,no", False, "immediate"),
    "appendfsync": ("string", "everysec", "always,everysec,no", False, "immediate"),
    "cluster-enabled": ("string", "no", "yes,no", True, "requires-reboot"),
    "cluster-allow-reads-when-down": ("string", "no", "yes,no", True, "immediate"),
    "cluster-require-full-coverage": ("string", "no", "yes,no", True, "immediate"),
    "databases": ("integer", "16", "1-1200000", True, "requires-reboot"),
    "slowlog-log-slower-than": ("integer", "10000", "-1-", True, "immediate"),
    "slowlog-max-len": ("integer", "128", "0-", True, "immediate"),
    "latency-tracking": ("string", "no", "yes,no", True, "immediate"),
    "lazyfree-lazy-eviction": ("string", "no", "yes,no", True, "immediate"),
    "lazyfree-lazy-expire": ("string", "no", "yes,no", True, "immediate"),
    "lazyfree-lazy-server-del": ("string", "no", "yes,no", True, "immediate"),
    "lfu-log-factor": ("integer", "10", "1-", True, "immediate"),
    "lfu-decay-time": ("integer", "1", "0-", True, "immediate"),
    "list-compress-depth": ("integer", "0", "0-", True, "immediate"),
    "min-replicas-to-write": ("integer", "0", "0-", True, "immediate"),
    "min-replicas-max-lag": ("integer", "10", "0-", True, "immediate"),
    "repl-backlog-size": ("integer", "1048576", "16384-", True, "immediate"),
    "repl-backlog-ttl": ("integer", "3600", "0-", True, "immediate"),
    "stream-node-max-bytes": ("integer", "4096", "0-", True, "immediate"),
    "stream-node-max-entries": ("integer", "100", "0-", True, "immediate"),
    "set-max-intset-entries": ("integer", "512", "0-", True, "immediate"),
    "hash-max-listpack-entries": ("integer", "512", "0-", True, "immediate"),
    "hash-max-listpack-value": ("integer", "64", "0-", True, "immediate"),
    "zset-max-listpack-entries": ("integer", "128", "0-", True, "immediate"),
    "acllog-max-len": ("integer", "128", "1-10000", True, "immediate"),
    "close-on-replica-write": ("string", "yes", "yes,no", True, "immediate"),
    "client-output-buffer-limit-pubsub-hard-limit": ("integer", "33554432", "0-", True, "immediate"),
    "client-output-buffer-limit-replica-hard-limit": ("string", "*", None, False, "immediate"),
}


def fault(shape, message):
    return common.fault("elasticache", shape, message)


def refused(message):
    return AwsError("InvalidParameterValue", message)


def is_allowed(kind, allowed, value):
    if allowed is None:
        return True
    if kind == "string":
        return value in allowed.split(",")
    if not re.fullmatch(r"-?\d+", value):
        return False
    number = int(value)
    for part in allowed.split(","):
        least, most = re.fullmatch(r"(-?\d+)(?:-(\d*))?", part).groups()
        if most is None and number == int(least):
            return True
        if most is not None and number >= int(least) and (most == "" or number <= int(most)):
            return True
    return False


def parameter_group_of(call, name):
    if name.startswith("default."):
        family = name.removeprefix("default.").removesuffix(".cluster.on")
        if family in FAMILIES:
            values = {"cluster-enabled": "yes"} if name.endswith(".cluster.on") else {}
            return {"CacheParameterGroupName": name, "CacheParameterGroupFamily": family, "_values": values} | {
                "Description": f"Default parameter group for {family}",
                "IsGlobal": False,
                "ARN": call.arn(f"parametergroup:{name}"),
            }
    group = call.table("parameter_groups").get(name)
    if group is None:
        raise fault("CacheParameterGroupNotFoundFault", f"CacheParameterGroup {name} not found.")
    return group


@operation("elasticache", "CreateCacheParameterGroup")
def create_parameter_group(call):
    name, family = call.params["CacheParameterGroupName"].lower(), call.params["CacheParameterGroupFamily"]
    if name in call.table("parameter_groups"):
        raise fault("CacheParameterGroupAlreadyExistsFault", f"Parameter group {name} already exists")
    if not re.fullmatch(r"[a-z](?!.*--)[a-z0-9-]{0,254}(?<!-)", name):
        raise refused(f"The parameter CacheParameterGroupName is not a valid identifier: {name}")
    if family not in FAMILIES:
        raise refused(f"CacheParameterGroupFamily {family} is not a valid parameter group family.")
    group = {
        "CacheParameterGroupName": name,
        "CacheParameterGroupFamily": family,
        "Description": call.params["Description"],
        "IsGlobal": False,
        "ARN": call.arn(f"parametergroup:{name}"),
        "_values": {},
        "_tags": call.params.get("Tags") or [],
    }
    call.table("parameter_groups")[name] = group
    return {"CacheParameterGroup": public(group)}


@operation("elasticache", "DescribeCacheParameterGroups")
def describe_parameter_groups(call):
    name = call.params.get("CacheParameterGroupName")
    if name:
        return {"CacheParameterGroups": [public(parameter_group_of(call, name))]}
    defaults = [parameter_group_of(call, f"default.{family}{mode}") for family in FAMILIES for mode in ("", ".cluster.on")]
    groups = [public(group) for group in defaults + list(call.table("parameter_groups").values())]
    groups, marker = common.page(call, groups, "MaxRecords", "Marker")
    return {"CacheParameterGroups": groups, "Marker": marker}


@operation("elasticache", "DescribeCacheParameters")
def describe_parameters(call):
    group = parameter_group_of(call, call.params["CacheParameterGroupName"])
    source = call.params.get("Source")
    rows = [row for row in rows_of(group["_values"]) if source in (None, "", row["Source"])]
    rows, marker = common.page(call, rows, "MaxRecords", "Marker")
    return {"Parameters": rows, "CacheNodeTypeSpecificParameters": [], "Marker": marker}


@operation("elasticache", "DescribeEngineDefaultParameters")
def describe_default_parameters(call):
    family = call.params["CacheParameterGroupFamily"]
    if family not in FAMILIES:
        raise refused(f"{family} is not a valid parameter group family.")
    rows, marker = common.page(call, rows_of({}), "MaxRecords", "Marker")
    return {"EngineDefaults": {"CacheParameterGroupFamily": family, "Parameters": rows, "Marker": marker}}


def rows_of(values):
    return [
        {
            "ParameterName": name,
            "ParameterValue": values.get(name, default),
            "Description": name,
            "Source": "user" if name in values else "system",
            "DataType": kind,
            "AllowedValues": allowed,
            "IsModifiable": is_modifiable,
            "MinimumEngineVersion": "6.0.0",
            "ChangeType": change,
        }
        for name, (kind, default, allowed, is_modifiable, change) in PARAMETERS.items()
    ]


@operation("elasticache", "ModifyCacheParameterGroup")
def modify_parameter_group(call):
    group = changeable_group(call)
    given = call.params["ParameterNameValues"]
    if not 1 <= len(given) <= 20:
        raise refused("You may modify between 1 and 20 parameters a call")
    for parameter in given:
        name, value = parameter["ParameterName"], parameter.get("ParameterValue", "")
        if name not in PARAMETERS:
            raise refused(f"Could not find parameter with name: {name}")
        kind, _, allowed, is_modifiable, _ = PARAMETERS[name]
        if not is_modifiable:
            raise refused(f"The parameter {name} cannot be modified.")
        if not is_allowed(kind, allowed, value):
            raise refused(f"Value {value} for parameter {name} is invalid. Valid values are: {allowed}")
        if name == "cluster-enabled" and users_of_parameter_group(call, group["CacheParameterGroupName"]):
            raise fault("InvalidCacheParameterGroupStateFault", "cluster-enabled can't be changed while the group is in use")
    for parameter in given:
        group["_values"][parameter["ParameterName"]] = parameter.get("ParameterValue", "")
    return {"CacheParameterGroupName": group["CacheParameterGroupName"]}


@operation("elasticache", "ResetCacheParameterGroup")
def reset_parameter_group(call):
    group = changeable_group(call)
    if call.params.get("ResetAllParameters"):
        group["_values"] = {}
    for parameter in call.params.get("ParameterNameValues") or []:
        if parameter["ParameterName"] not in PARAMETERS:
            raise refused(f"Could not find parameter with name: {parameter['ParameterName']}")
        group["_values"].pop(parameter["ParameterName"], None)
    return {"CacheParameterGroupName": group["CacheParameterGroupName"]}


def changeable_group(call):
    name = call.params["CacheParameterGroupName"]
    if name.startswith("default."):
        raise refused(f"The default parameter group {name} cannot be modified")
    return parameter_group_of(call, name)


def users_of_parameter_group(call, name):
    return [key for key, group in common.alive(call, call.table("groups")) if group["_parameter_group"] == name]


@operation("elasticache", "DeleteCacheParameterGroup")
def delete_parameter_group(call):
    name = changeable_group(call)["CacheParameterGroupName"]
    if users_of_parameter_group(call, name):
        raise fault("InvalidCacheParameterGroupStateFault", f"One or more cache clusters are still using {name}")
    del call.table("parameter_groups")[name]


# Subnet groups --------------------------------------------------------------------------------------------


def subnet_group_of(call, name):
    group = call.table("subnet_groups").get(name.lower())
    if group is None:
        raise fault("CacheSubnetGroupNotFoundFault", f"Cache Subnet Group {name} does not exist.")
    return group


def subnets_shown(call, ids):
    found = common.subnets(call, ids)
    if not found:
        raise fault("InvalidSubnet", "Some input subnets are invalid.")
    if len({subnet["VpcId"] for subnet in found}) > 1:
        raise fault("InvalidSubnet", "The subnets are not all in the same VPC.")
    shown = [
        {
            "SubnetIdentifier": subnet["SubnetId"],
            "SubnetAvailabilityZone": {"Name": subnet["AvailabilityZone"]},
            "SupportedNetworkTypes": ["ipv4"],
        }
        for subnet in found
    ]
    return {"VpcId": found[0]["VpcId"], "Subnets": shown, "SupportedNetworkTypes": ["ipv4"]}


@operation("elasticache", "CreateCacheSubnetGroup")
def create_subnet_group(call):
    name = call.params["CacheSubnetGroupName"].lower()
    if name in call.table("subnet_groups"):
        raise fault("CacheSubnetGroupAlreadyExistsFault", f"Cache subnet group {name} already exists.")
    group = {
        "CacheSubnetGroupName": name,
        "CacheSubnetGroupDescription": call.params["CacheSubnetGroupDescription"],
        "ARN": call.arn(f"subnetgroup:{name}"),
        "_tags": call.params.get("Tags") or [],
    } | subnets_shown(call, call.params["SubnetIds"])
    call.table("subnet_groups")[name] = group
    return {"CacheSubnetGroup": public(group)}


@operation("elasticache", "DescribeCacheSubnetGroups")
def describe_subnet_groups(call):
    name = call.params.get("CacheSubnetGroupName")
    groups = [subnet_group_of(call, name)] if name else list(call.table("subnet_groups").values())
    groups, marker = common.page(call, [public(group) for group in groups], "MaxRecords", "Marker")
    return {"CacheSubnetGroups": groups, "Marker": marker}


@operation("elasticache", "ModifyCacheSubnetGroup")
def modify_subnet_group(call):
    group = subnet_group_of(call, call.params["CacheSubnetGroupName"])
    group.update(common.copied(call, ("CacheSubnetGroupDescription",)))
    if call.params.get("SubnetIds"):
        group.update(subnets_shown(call, call.params["SubnetIds"]))
    return {"CacheSubnetGroup": public(group)}


@operation("elasticache", "DeleteCacheSubnetGroup")
def delete_subnet_group(call):
    name = subnet_group_of(call, call.params["CacheSubnetGroupName"])["CacheSubnetGroupName"]
    if any(group["_subnet_group"] == name for _, group in common.alive(call, call.table("groups"))):
        raise fault("CacheSubnetGroupInUse", f"Cache subnet group {name} is currently in use by a cache cluster.")
    del call.table("subnet_groups")[name]


@operation("elasticache", "DescribeCacheEngineVersions")
def describe_engine_versions(call):
    rows = []
    for engine, versions in ENGINES.items():
        for version, (_, family) in versions.items():
            row = {
                "Engine": engine,
                "EngineVersion": version,
                "CacheParameterGroupFamily": family,
                "CacheEngineDescription": engine.capitalize(),
                "CacheEngineVersionDescription": f"{engine} version {version}",
            }
            wanted = ("Engine", "EngineVersion", "CacheParameterGroupFamily")
            if all(call.params.get(name) in (None, row[name]) for name in wanted):
                rows.append(row)
    if call.params.get("DefaultOnly"):
        rows = rows[-1:]
    rows, marker = common.page(call, rows, "MaxRecords", "Marker")
    return {"CacheEngineVersions": rows, "Marker": marker}
