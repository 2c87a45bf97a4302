"""RDS proxies, their one target group each, and its targets."""

from __future__ import annotations

from ..registry import operation
from ..world import public
from . import common
from .rds_clusters import cluster_of, instances_of
from .rds_engines import fault, refused

WORDS = {"creating": "creating", "modifying": "modifying", "deleting": "deleting", "ready": "available"}
POOL = {"MaxConnectionsPercent": 100, "MaxIdleConnectionsPercent": 50, "ConnectionBorrowTimeout": 120}


def proxy_of(call):
    name = call.params["DBProxyName"]
    error = fault("DBProxyNotFoundFault", f"The specified DB proxy name {name} isn't found")
    return common.found(call, call.table("proxies"), name.lower(), error)


def shown(call, proxy):
    return {**public(proxy), "Status": WORDS[call.world.phase(proxy)]}


def check(call):
    params = call.params
    if params.get("RoleArn") and not common.role_exists(call, params["RoleArn"]):
        raise refused(f"The IAM role {params['RoleArn']} does not exist")
    for auth in params.get("Auth") or []:
        secret = auth.get("SecretArn")
        if secret and not call.try_aws("secretsmanager", "DescribeSecret", SecretId=secret):
            raise refused(f"The secret {secret} does not exist")
    groups = params.get("VpcSecurityGroupIds") or params.get("SecurityGroups") or []
    if common.security_groups(call, groups) is None:
        raise refused("Invalid security group, groupId not found")
    if not 1 <= params.get("IdleClientTimeout", 1800) <= 28800:
        raise refused("IdleClientTimeout must be between 1 and 28800 seconds")


def auth_shown(given):
    default = {"AuthScheme": "SECRETS", "IAMAuth": "DISABLED", "ClientPasswordAuthType": "POSTGRES_SCRAM_SHA_256"}
    return [{**default, **{key: value for key, value in auth.items() if key != "UserName" or value}} for auth in given or []]


@operation("rds", "CreateDBProxy")
def create_proxy(call):
    params, name = call.params, call.params["DBProxyName"].lower()
    table = call.table("proxies")
    if name in table and call.world.phase(table[name]) != "gone":
        raise fault("DBProxyAlreadyExistsFault", f"Cannot create the DBProxy. A DBProxy with the name {name} already exists.")
    check(call)
    found = common.subnets(call, params["VpcSubnetIds"])
    if not found:
        raise fault("InvalidSubnet", "The subnet does not exist")
    if len({subnet["AvailabilityZone"] for subnet in found}) < 2:
        raise fault("InvalidSubnet", "DB Proxy must be in subnets of at least two Availability Zones")
    identifier = "prx-" + common.hex_id(call)
    proxy = {
        "DBProxyName": name,
        "DBProxyArn": call.arn(f"db-proxy:{identifier}"),
        "EngineFamily": params["EngineFamily"],
        "VpcId": found[0]["VpcId"],
        "VpcSecurityGroupIds": params.get("VpcSecurityGroupIds") or [],
        "VpcSubnetIds": params["VpcSubnetIds"],
        "Auth": auth_shown(params.get("Auth")),
        "RoleArn": params["RoleArn"],
        "Endpoint": f"{name}.proxy-fake01.{call.region}.rds.amazonaws.com",
        "RequireTLS": params.get("RequireTLS", False),
        "IdleClientTimeout": params.get("IdleClientTimeout", 1800),
        "DebugLogging": params.get("DebugLogging", False),
        "CreatedDate": common.now(),
        "UpdatedDate": common.now(),
        "DefaultAuthScheme": params.get("DefaultAuthScheme", "NONE"),
        "_target_group_arn": call.arn(f"target-group:prx-tg-{common.hex_id(call)}"),
        "_pool": dict(POOL),
        "_targets": [],
        "_tags": params.get("Tags") or [],
    }
    table[name] = proxy
    call.world.start(proxy, "creating", "rds:proxy", name)
    return {"DBProxy": shown(call, proxy)}


@operation("rds", "DescribeDBProxies")
def describe_proxies(call):
    named = call.params.get("DBProxyName")
    proxies = [proxy_of(call)] if named else [item for _, item in common.alive(call, call.table("proxies"))]
    proxies, marker = common.page(call, [shown(call, proxy) for proxy in proxies], "MaxRecords", "Marker")
    return {"DBProxies": proxies, "Marker": marker}


@operation("rds", "ModifyDBProxy")
def modify_proxy(call):
    proxy = settled(call)
    check(call)
    proxy.update(common.copied(call, ("RequireTLS", "IdleClientTimeout", "DebugLogging", "RoleArn", "DefaultAuthScheme")))
    if call.params.get("Auth"):
        proxy["Auth"] = auth_shown(call.params["Auth"])
    if call.params.get("SecurityGroups"):
        proxy["VpcSecurityGroupIds"] = call.params["SecurityGroups"]
    proxy["UpdatedDate"] = common.now()
    call.world.start(proxy, "modifying", "rds:proxy", proxy["DBProxyName"])
    return {"DBProxy": shown(call, proxy)}


def settled(call):
    proxy = proxy_of(call)
    if call.world.phase(proxy) != "ready":
        raise fault("InvalidDBProxyStateFault", f"The DB proxy is {WORDS[call.world.phase(proxy)]}")
    return proxy


@operation("rds", "DeleteDBProxy")
def delete_proxy(call):
    proxy = proxy_of(call)
    name = proxy["DBProxyName"]
    if call.world.phase(proxy) == "deleting":
        raise fault("InvalidDBProxyStateFault", "The DB proxy is deleting")
    call.world.start(proxy, "deleting", "rds:proxy", name, lambda: call.table("proxies").pop(name, None))
    return {"DBProxy": {**public(proxy), "Status": "deleting"}}


# The target group -----------------------------------------------------------------------------------------


def group_shown(proxy):
    return {
        "DBProxyName": proxy["DBProxyName"],
        "TargetGroupName": "default",
        "TargetGroupArn": proxy["_target_group_arn"],
        "IsDefault": True,
        "Status": "available",
        "ConnectionPoolConfig": proxy["_pool"],
        "CreatedDate": proxy["CreatedDate"],
        "UpdatedDate": proxy["UpdatedDate"],
    }


def check_group(call):
    name = call.params.get("TargetGroupName")
    if name not in (None, "default"):
        raise fault("DBProxyTargetGroupNotFoundFault", f"The target group {name} isn't found")


@operation("rds", "DescribeDBProxyTargetGroups")
def describe_groups(call):
    check_group(call)
    return {"TargetGroups": [group_shown(proxy_of(call))]}


@operation("rds", "ModifyDBProxyTargetGroup")
def modify_group(call):
    proxy, config = proxy_of(call), call.params.get("ConnectionPoolConfig") or {}
    check_group(call)
    pool = {**proxy["_pool"], **config}
    if not 1 <= pool["MaxConnectionsPercent"] <= 100 or not 0 <= pool["MaxIdleConnectionsPercent"] <= pool["MaxConnectionsPercent"]:
        raise refused("MaxConnectionsPercent must be 1 to 100, MaxIdleConnectionsPercent 0 to MaxConnectionsPercent")
    proxy["_pool"] = pool
    return {"DBProxyTargetGroup": group_shown(proxy)}


def targets_shown(call, proxy):
    targets = []
    for name in proxy["_targets"]:
        cluster = call.table("clusters").get(name)
        if cluster is None:
            continue
        targets.append({"RdsResourceId": name, "Type": "TRACKED_CLUSTER", "TargetArn": cluster["DBClusterArn"], "Port": cluster["Port"]})
        for instance in instances_of(call, name):
            is_ready = call.world.phase(instance) == "ready"
            targets.append(
                {
                    "RdsResourceId": instance["DBInstanceIdentifier"],
                    "TrackedClusterId": name,
                    "Type": "RDS_INSTANCE",
                    "TargetArn": instance["DBInstanceArn"],
                    "Endpoint": f"{instance['DBInstanceIdentifier']}.fake01.{call.region}.rds.amazonaws.com",
                    "Port": cluster["Port"],
                    "Role": "READ_WRITE" if cluster["_writer"] == instance["DBInstanceIdentifier"] else "READ_ONLY",
                    "TargetHealth": {"State": "AVAILABLE"} if is_ready else {"State": "REGISTERING"},
                }
            )
    return targets


@operation("rds", "RegisterDBProxyTargets")
def register_targets(call):
    proxy = proxy_of(call)
    check_group(call)
    if call.params.get("DBInstanceIdentifiers"):
        raise refused("The fake registers clusters only")
    for name in call.params.get("DBClusterIdentifiers") or []:
        cluster = cluster_of(call, name)
        if cluster["DBClusterIdentifier"] in proxy["_targets"]:
            raise fault("DBProxyTargetAlreadyRegisteredFault", f"{name} is registered already")
        if proxy["_targets"]:
            raise refused("A proxy has one cluster")
        proxy["_targets"].append(cluster["DBClusterIdentifier"])
    return {"DBProxyTargets": targets_shown(call, proxy)}


@operation("rds", "DescribeDBProxyTargets")
def describe_targets(call):
    check_group(call)
    targets, marker = common.page(call, targets_shown(call, proxy_of(call)), "MaxRecords", "Marker")
    return {"Targets": targets, "Marker": marker}


@operation("rds", "DeregisterDBProxyTargets")
def deregister_targets(call):
    proxy = proxy_of(call)
    check_group(call)
    for name in call.params.get("DBClusterIdentifiers") or []:
        if name.lower() not in proxy["_targets"]:
            raise fault("DBProxyTargetNotFoundFault", f"{name} is not registered")
        proxy["_targets"].remove(name.lower())
