"""EKS's updates: of clusters' versions and configuration, of node groups; and how far they are."""

from __future__ import annotations

from ..registry import operation
from ..world import public
from . import common
from .eks_clusters import VERSIONS, check_network, cluster_of, full_logging, invalid, json_text, not_found
from .eks_nodegroups import check_image, check_scaling, launch_template, nodegroup_of, release_of, settled


def update_operation(*names):
    """Registers an update that a repeated request with the same token does not begin again."""

    def register(function):
        def once(call):
            token = call.params.get("clientRequestToken")
            for update in call.table("updates").values():
                if token and update["_token"] == token:
                    return {"update": shown(call, update)}
            return function(call)

        operation("eks", *names)(once)
        return function

    return register


def begin(call, item, owner, kind, params, phase_kind):
    """Puts the item into its update and notes the update under its id."""
    update = {
        "id": common.hex_id(call, 36),
        "type": kind,
        "params": [{"type": name, "value": str(value)} for name, value in params.items()],
        "createdAt": common.now(),
        "errors": [],
        "_owner": owner,
        "_token": call.params.get("clientRequestToken"),
    }
    call.world.start(item, "modifying", phase_kind, owner)
    update["_phase"], update["_until"] = item["_phase"], item["_until"]
    update["_kind"], update["_name"] = "eks:update", update["id"]
    call.table("updates")[update["id"]] = update
    return {"update": shown(call, update)}


def shown(call, update):
    return {**public(update), "status": "Successful" if call.world.phase(update) == "ready" else "InProgress"}


@operation("eks", "DescribeUpdate")
def describe_update(call):
    owner = owner_of(call, call.params["name"])
    update = call.table("updates").get(call.params["updateId"])
    if update is None or update["_owner"] != owner:
        raise not_found(f"No update found for ID: {call.params['updateId']}")
    return {"update": shown(call, update)}


@operation("eks", "ListUpdates")
def list_updates(call):
    owner = owner_of(call, call.params["name"])
    ids = [key for key, update in call.table("updates").items() if update["_owner"] == owner]
    ids, token = common.page(call, ids, "maxResults", "nextToken")
    return {"updateIds": ids, "nextToken": token}


def owner_of(call, cluster):
    cluster_of(call, cluster)
    part = call.params.get("nodegroupName") or call.params.get("addonName")
    return f"{cluster}/{part}" if part else cluster


@update_operation("UpdateClusterVersion")
def update_cluster_version(call):
    cluster = cluster_of(call, is_active=True)
    now, wanted = cluster["version"], call.params["version"]
    if wanted not in VERSIONS:
        raise invalid(f"unsupported Kubernetes version {wanted}")
    if wanted == now:
        raise invalid(f"Cluster is already at version {wanted}")
    if int(wanted.split(".")[1]) != int(now.split(".")[1]) + 1:
        raise invalid(f"Unsupported Kubernetes minor version update from {now} to {wanted}")
    for key, group in common.alive(call, call.table("nodegroups")):
        if key.startswith(cluster["name"] + "/") and int(wanted.split(".")[1]) - int(group["version"].split(".")[1]) > 3:
            raise invalid(f"Nodegroup {group['nodegroupName']} must be updated before the cluster")
    cluster["version"] = wanted
    params = {"Version": wanted, "PlatformVersion": "eks.1"}
    return begin(call, cluster, cluster["name"], "VersionUpdate", params, "eks:cluster")


@update_operation("UpdateClusterConfig")
def update_cluster_config(call):
    cluster = cluster_of(call, is_active=True)
    names = ("logging", "resourcesVpcConfig", "accessConfig", "upgradePolicy", "zonalShiftConfig", "computeConfig")
    names += ("storageConfig", "kubernetesNetworkConfig", "deletionProtection", "remoteNetworkConfig")
    given = [name for name in names if call.params.get(name) is not None]
    if set(given) == {"computeConfig", "storageConfig", "kubernetesNetworkConfig"}:
        given = ["computeConfig", "storageConfig", "kubernetesNetworkConfig"]
    elif len(given) != 1:
        raise invalid("Only one type of update can be allowed.")
    kind = "ConfigUpdate"
    for name in given:
        kind = CHANGES.get(name, change_other(name))(call, cluster, call.params[name])
    params = {name[0].upper() + name[1:]: json_text(call.params[name]) for name in given}
    return begin(call, cluster, cluster["name"], kind, params, "eks:cluster")


def change_logging(_, cluster, given):
    enabled = {kind for setup in cluster["logging"]["clusterLogging"] if setup["enabled"] for kind in setup["types"]}
    for setup in given.get("clusterLogging") or []:
        enabled = (enabled | set(setup["types"])) if setup.get("enabled") else (enabled - set(setup["types"]))
    wanted = full_logging({"clusterLogging": [{"types": sorted(enabled), "enabled": True}]})
    if wanted == cluster["logging"]:
        raise invalid("No changes needed for the logging config provided")
    cluster["logging"] = wanted
    return "LoggingUpdate"


def change_network(call, cluster, given):
    wanted = {**cluster["resourcesVpcConfig"], **given}
    if wanted == cluster["resourcesVpcConfig"]:
        raise invalid("Cluster is already at the desired configuration")
    if check_network(call, wanted) != wanted["vpcId"]:
        raise invalid("Provided subnets belong to a different VPC than the cluster's")
    is_endpoint = not {"subnetIds", "securityGroupIds"} & given.keys()
    cluster["resourcesVpcConfig"] = wanted
    return "EndpointAccessUpdate" if is_endpoint else "VpcConfigUpdate"


def change_access(_, cluster, given):
    order = ["CONFIG_MAP", "API_AND_CONFIG_MAP", "API"]
    now, wanted = cluster["accessConfig"]["authenticationMode"], given.get("authenticationMode")
    if wanted == now:
        raise invalid("The authentication mode is already set to the requested value")
    if order.index(wanted) < order.index(now):
        raise invalid(f"Unsupported authentication mode update from {now} to {wanted}")
    cluster["accessConfig"] = {**cluster["accessConfig"], "authenticationMode": wanted}
    return "AccessConfigUpdate"


def change_other(name):
    kinds = {"upgradePolicy": "UpgradePolicyUpdate", "zonalShiftConfig": "ZonalShiftConfigUpdate"}

    def change(_, cluster, given):
        if cluster.get(name) == given:
            raise invalid(f"No changes needed for {name}")
        old = cluster.get(name)
        cluster[name] = {**old, **given} if isinstance(old, dict) else given
        return kinds.get(name, "DeletionProtectionUpdate" if name == "deletionProtection" else "AutoModeUpdate")

    return change


CHANGES = {"logging": change_logging, "resourcesVpcConfig": change_network, "accessConfig": change_access}


@update_operation("AssociateEncryptionConfig")
def associate_encryption(call):
    cluster = cluster_of(call, is_active=True)
    if cluster.get("encryptionConfig"):
        raise invalid("Cluster already has encryption configured")
    cluster["encryptionConfig"] = call.params["encryptionConfig"]
    return begin(call, cluster, cluster["name"], "AssociateEncryptionConfig", {}, "eks:cluster")


@update_operation("UpdateNodegroupConfig")
def update_nodegroup_config(call):
    cluster_of(call)
    group, params = settled(call, nodegroup_of(call)), {}
    if scaling := call.params.get("scalingConfig"):
        wanted = {**group["scalingConfig"], **scaling}
        check_scaling(wanted)
        group["scalingConfig"] = wanted
        params |= {name[0].upper() + name[1:]: value for name, value in scaling.items()}
    if labels := call.params.get("labels"):
        kept = {**group["labels"], **(labels.get("addOrUpdateLabels") or {})}
        group["labels"] = {key: value for key, value in kept.items() if key not in (labels.get("removeLabels") or [])}
        params["LabelsToAdd"] = json_text(labels)
    if taints := call.params.get("taints"):
        group["taints"] = changed_taints(group.get("taints") or [], taints)
        params["TaintsToAdd"] = json_text(taints)
    for name in ("updateConfig", "nodeRepairConfig"):
        if call.params.get(name):
            group[name] = call.params[name]
            params["MaxUnavailable"] = json_text(call.params[name])
    group["modifiedAt"] = common.now()
    owner = f"{group['clusterName']}/{group['nodegroupName']}"
    return begin(call, group, owner, "ConfigUpdate", params, "eks:nodegroup")


def changed_taints(old, change):
    table = {(taint["key"], taint["effect"]): taint for taint in old}
    for taint in change.get("removeTaints") or []:
        table.pop((taint["key"], taint["effect"]), None)
    for taint in change.get("addOrUpdateTaints") or []:
        table[(taint["key"], taint["effect"])] = taint
    return list(table.values())


@update_operation("UpdateNodegroupVersion")
def update_nodegroup_version(call):
    cluster = cluster_of(call)
    group = settled(call, nodegroup_of(call))
    version = call.params.get("version") or (cluster["version"] if not call.params.get("launchTemplate") else group["version"])
    if version not in VERSIONS or version > cluster["version"] or version < group["version"]:
        raise invalid(f"Requested Nodegroup version {version} is invalid. Cluster version: {cluster['version']}")
    check_image(group["amiType"], version)
    if call.params.get("launchTemplate"):
        if "launchTemplate" not in group:
            raise invalid("You cannot add a launch template to a node group that was made without one")
        wanted = launch_template(call, call.params["launchTemplate"])
        if wanted["id"] != group["launchTemplate"]["id"]:
            raise invalid("You cannot update to another launch template")
        group["launchTemplate"] = wanted
    group["version"] = version
    group["releaseVersion"] = call.params.get("releaseVersion") or release_of(version)
    group["modifiedAt"] = common.now()
    owner = f"{group['clusterName']}/{group['nodegroupName']}"
    params = {"Version": version, "ReleaseVersion": group["releaseVersion"]}
    return begin(call, group, owner, "VersionUpdate", params, "eks:nodegroup")
