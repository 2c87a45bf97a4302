"""EKS's add-ons and their versions, and pod identity associations."""

from __future__ import annotations

import json

from ..registry import operation
from ..world import public
from . import common
from .eks_clusters import VERSIONS, again, cluster_of, in_use, invalid, not_found
from .eks_clusters import shown as shown_item
from .eks_updates import begin, update_operation

# name -> (versions, newest first; namespace)
ADDONS = {
    "vpc-cni": (["v1.21.1-eksbuild.3", "v1.20.4-eksbuild.1", "v1.19.6-eksbuild.7"], "kube-system"),
    "coredns": (["v1.13.2-eksbuild.1", "v1.12.4-eksbuild.1", "v1.11.4-eksbuild.24"], "kube-system"),
    "kube-proxy": (["v1.35.0-eksbuild.2", "v1.34.1-eksbuild.2", "v1.33.5-eksbuild.2"], "kube-system"),
    "aws-ebs-csi-driver": (["v1.54.0-eksbuild.1", "v1.50.1-eksbuild.1"], "kube-system"),
    "aws-efs-csi-driver": (["v2.1.15-eksbuild.1"], "kube-system"),
    "eks-pod-identity-agent": (["v1.3.10-eksbuild.2", "v1.3.8-eksbuild.2"], "kube-system"),
    "metrics-server": (["v0.8.0-eksbuild.6", "v0.7.2-eksbuild.4"], "kube-system"),
    "amazon-cloudwatch-observability": (["v4.7.0-eksbuild.1"], "amazon-cloudwatch"),
    "snapshot-controller": (["v8.3.0-eksbuild.1"], "kube-system"),
    "cert-manager": (["v1.19.2-eksbuild.1"], "cert-manager"),
}
KEPT = ("serviceAccountRoleArn", "configurationValues", "namespaceConfig")


def addon_of(call):
    cluster, name = cluster_of(call)["name"], call.params["addonName"]
    return common.found(call, call.table("addons"), f"{cluster}/{name}", not_found(f"No addon: {name} found in cluster: {cluster}"))


def check_addon(call):
    name, version = call.params["addonName"], call.params.get("addonVersion")
    if name not in ADDONS:
        raise invalid(f"Addon {name} specified is not supported")
    if version and version not in ADDONS[name][0]:
        raise invalid(f"Addon version specified is not supported: {version}")
    role = call.params.get("serviceAccountRoleArn")
    if role and not common.role_exists(call, role):
        raise invalid(f"Role {role} does not exist")
    try:
        json.loads(call.params.get("configurationValues") or "{}")
    except ValueError as why:
        raise invalid("ConfigurationValue provided in request is not supported: it is no JSON") from why


@operation("eks", "CreateAddon")
def create_addon(call):
    cluster = cluster_of(call)
    name, table = call.params["addonName"], call.table("addons")
    key = f"{cluster['name']}/{name}"
    if repeated := again(call, table, key):
        return {"addon": shown_item(call, repeated)}
    if key in table and call.world.phase(table[key]) != "gone":
        raise in_use("Addon already exists.")
    cluster_of(call, is_active=True)
    check_addon(call)
    addon = common.copied(call, KEPT) | {
        "addonName": name,
        "clusterName": cluster["name"],
        "addonVersion": call.params.get("addonVersion") or ADDONS[name][0][0],
        "addonArn": call.arn(f"addon/{cluster['name']}/{name}/{common.hex_id(call, 12)}"),
        "createdAt": common.now(),
        "modifiedAt": common.now(),
        "health": {"issues": []},
        "tags": call.params.get("tags") or {},
        "_token": call.params.get("clientRequestToken"),
    }
    addon["podIdentityAssociations"] = associate(call, cluster["name"], addon)
    table[key] = addon
    call.world.start(addon, "creating", "eks:addon", key)
    return {"addon": shown_item(call, addon)}


def associate(call, cluster, addon):
    """The ARNs of the pod identity associations an add-on brings."""
    namespace = ADDONS[addon["addonName"]][1]
    arns = []
    for wanted in call.params.get("podIdentityAssociations") or []:
        item = new_association(call, cluster, namespace, wanted["serviceAccount"], wanted["roleArn"])
        item["ownerArn"] = addon["addonArn"]
        arns.append(item["associationArn"])
    return arns


@operation("eks", "DescribeAddon")
def describe_addon(call):
    return {"addon": shown_item(call, addon_of(call))}


@operation("eks", "ListAddons")
def list_addons(call):
    prefix = cluster_of(call)["name"] + "/"
    names = [key[len(prefix) :] for key, _ in common.alive(call, call.table("addons")) if key.startswith(prefix)]
    names, token = common.page(call, names, "maxResults", "nextToken")
    return {"addons": names, "nextToken": token}


@update_operation("UpdateAddon")
def update_addon(call):
    addon = addon_of(call)
    if call.world.phase(addon) != "ready":
        raise in_use("Addon cannot be updated while it is being created, updated or deleted")
    check_addon(call)
    addon.update(common.copied(call, (*KEPT, "addonVersion")))
    if call.params.get("podIdentityAssociations") is not None:
        drop_owned(call, addon)
        addon["podIdentityAssociations"] = associate(call, addon["clusterName"], addon)
    addon["modifiedAt"] = common.now()
    owner = f"{addon['clusterName']}/{addon['addonName']}"
    return begin(call, addon, owner, "AddonUpdate", {"AddonVersion": addon["addonVersion"]}, "eks:addon")


def drop_owned(call, addon):
    table = call.table("pod_identities")
    for key in [key for key, item in table.items() if item.get("ownerArn") == addon["addonArn"]]:
        del table[key]


@operation("eks", "DeleteAddon")
def delete_addon(call):
    addon = addon_of(call)
    key = f"{addon['clusterName']}/{addon['addonName']}"

    def remove():
        drop_owned(call, addon)
        call.table("addons").pop(key, None)

    if call.world.phase(addon) != "deleting":
        call.world.start(addon, "deleting", "eks:addon", key, remove)
    return {"addon": {**public(addon), "status": "DELETING"}}


@operation("eks", "DescribeAddonVersions")
def describe_addon_versions(call):
    name, kubernetes = call.params.get("addonName"), call.params.get("kubernetesVersion")
    if name and name not in ADDONS:
        return {"addons": []}
    clusters = [version for version in VERSIONS if kubernetes in (None, version)]
    answers = []
    for addon, (versions, namespace) in ADDONS.items():
        if name in (None, addon) and clusters:
            infos = [
                {
                    "addonVersion": version,
                    "architecture": ["amd64", "arm64"],
                    "computeTypes": ["ec2"],
                    "compatibilities": [
                        {"clusterVersion": cluster, "platformVersions": ["*"], "defaultVersion": index == 0}
                        for cluster in clusters
                    ],
                    "requiresConfiguration": False,
                    "requiresIamPermissions": addon in ("vpc-cni", "aws-ebs-csi-driver"),
                }
                for index, version in enumerate(versions)
            ]
            answers.append(
                {"addonName": addon, "type": "networking", "addonVersions": infos, "owner": "aws", "publisher": "eks"}
                | {"defaultNamespace": namespace}
            )
    return {"addons": answers}


# Pod identity ---------------------------------------------------------------------------------------------


def new_association(call, cluster, namespace, account, role):
    table = call.table("pod_identities")
    if not common.role_exists(call, role):
        raise invalid(f"Role provided in the request does not exist: {role}")
    for key, item in table.items():
        if key.startswith(cluster + "/") and (item["namespace"], item["serviceAccount"]) == (namespace, account):
            raise in_use(f"Association already exists: {item['associationId']}")
    identifier = "a-" + common.hex_id(call)
    item = {
        "clusterName": cluster,
        "namespace": namespace,
        "serviceAccount": account,
        "roleArn": role,
        "associationArn": call.arn(f"podidentityassociation/{cluster}/{identifier}"),
        "associationId": identifier,
        "tags": {},
        "createdAt": common.now(),
        "modifiedAt": common.now(),
        "disableSessionTags": False,
    }
    table[f"{cluster}/{identifier}"] = item
    return item


def association_of(call):
    cluster, identifier = cluster_of(call)["name"], call.params["associationId"]
    error = not_found(f"Association with ID {identifier} was not found")
    return common.found(call, call.table("pod_identities"), f"{cluster}/{identifier}", error)


@operation("eks", "CreatePodIdentityAssociation")
def create_association(call):
    cluster = cluster_of(call)["name"]
    token = call.params.get("clientRequestToken")
    for item in call.table("pod_identities").values():
        if token and item.get("_token") == token:
            return {"association": public(item)}
    params = call.params
    item = new_association(call, cluster, params["namespace"], params["serviceAccount"], params["roleArn"])
    item.update(common.copied(call, ("tags", "disableSessionTags", "targetRoleArn", "policy")), _token=token)
    return {"association": public(item)}


@operation("eks", "DescribePodIdentityAssociation")
def describe_association(call):
    return {"association": public(association_of(call))}


@operation("eks", "UpdatePodIdentityAssociation")
def update_association(call):
    item = association_of(call)
    if call.params.get("roleArn") and not common.role_exists(call, call.params["roleArn"]):
        raise invalid(f"Role provided in the request does not exist: {call.params['roleArn']}")
    item.update(common.copied(call, ("roleArn", "disableSessionTags", "targetRoleArn", "policy")), modifiedAt=common.now())
    return {"association": public(item)}


@operation("eks", "DeletePodIdentityAssociation")
def delete_association(call):
    item = association_of(call)
    del call.table("pod_identities")[f"{item['clusterName']}/{item['associationId']}"]
    return {"association": public(item)}


@operation("eks", "ListPodIdentityAssociations")
def list_associations(call):
    prefix = cluster_of(call)["name"] + "/"
    items = [public(item) for key, item in sorted(call.table("pod_identities").items()) if key.startswith(prefix)]
    for name in ("namespace", "serviceAccount"):
        items = [item for item in items if call.params.get(name) in (None, item[name])]
    items, token = common.page(call, items, "maxResults", "nextToken")
    return {"associations": items, "nextToken": token}
