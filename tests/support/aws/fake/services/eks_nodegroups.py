"""EKS's managed node groups: create, describe, list, delete."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from ..world import public
from . import common
from .eks_clusters import VERSIONS, again, cluster_of, in_use, invalid, not_found, shown

KEPT = ("nodeRole", "subnets", "labels", "taints", "remoteAccess", "nodeRepairConfig", "capacityType")


def nodegroup_of(call):
    cluster, name = call.params["clusterName"], call.params["nodegroupName"]
    cluster_of(call)
    error = not_found(f"No node group found for name: {name}.")
    return common.found(call, call.table("nodegroups"), f"{cluster}/{name}", error)


def check_scaling(scaling):
    least, wanted, most = scaling["minSize"], scaling["desiredSize"], scaling["maxSize"]
    if not 0 <= least <= wanted <= most or most < 1:
        raise invalid(f"Desired size {wanted} must be between minimum size {least} and maximum size {most}")


def launch_template(call, given):
    """The launch template with id, name and version, as EKS tells it."""
    by = {"LaunchTemplateIds": [given["id"]]} if given.get("id") else {"LaunchTemplateNames": [given.get("name", "")]}
    found = call.try_aws("ec2", "DescribeLaunchTemplates", **by)
    if not found or not found["LaunchTemplates"]:
        raise invalid("Launch template does not exist")
    template = found["LaunchTemplates"][0]
    version = given.get("version") or str(template["DefaultVersionNumber"])
    if version not in ("$Latest", "$Default"):
        versions = call.try_aws(
            "ec2", "DescribeLaunchTemplateVersions", LaunchTemplateId=template["LaunchTemplateId"], Versions=[version]
        )
        if not versions or not versions["LaunchTemplateVersions"]:
            raise invalid(f"Launch template version {version} does not exist")
    return {"id": template["LaunchTemplateId"], "name": template["LaunchTemplateName"], "version": version}


def check_image(ami_type, version):
    if ami_type.startswith("AL2_") and float(version.split(".")[1]) >= 33:
        raise invalid(f"AMI Type {ami_type} is only supported for kubernetes versions 1.32 or earlier")


@operation("eks", "CreateNodegroup")
def create_nodegroup(call):
    cluster = cluster_of(call)
    name, table = call.params["nodegroupName"], call.table("nodegroups")
    key = f"{cluster['name']}/{name}"
    if repeated := again(call, table, key):
        return {"nodegroup": shown(call, repeated)}
    if key in table and call.world.phase(table[key]) != "gone":
        raise in_use(f"NodeGroup already exists with name {name} and cluster name {cluster['name']}")
    cluster_of(call, is_active=True)
    version = call.params.get("version") or cluster["version"]
    check_nodegroup(call, cluster, version)
    group = common.copied(call, KEPT) | new_nodegroup(call, cluster, name, version)
    table[key] = group
    call.world.start(group, "creating", "eks:nodegroup", key)
    return {"nodegroup": shown(call, group)}


def check_nodegroup(call, cluster, version):
    if version not in VERSIONS or version > cluster["version"]:
        raise invalid(f"Requested Nodegroup version {version} is invalid. Cluster version: {cluster['version']}")
    if not common.role_exists(call, call.params["nodeRole"]):
        raise invalid(f"Following required IAM role does not exist: {call.params['nodeRole']}")
    if not call.params["subnets"] or common.subnets(call, call.params["subnets"]) is None:
        raise invalid("The subnet does not exist")
    for kind in call.params.get("instanceTypes") or []:
        if not common.is_instance_type(kind):
            raise invalid(f"The following supplied instance types do not exist: [{kind}]")
    if call.params.get("launchTemplate") and call.params.get("diskSize"):
        raise invalid("Disk size must be specified within the launch template.")
    if call.params.get("launchTemplate") and call.params.get("remoteAccess"):
        raise invalid("Remote access configuration cannot be specified with a launch template.")


def new_nodegroup(call, cluster, name, version):
    ami_type = call.params.get("amiType", "AL2023_x86_64_STANDARD")
    check_image(ami_type, version)
    scaling = {"minSize": 1, "maxSize": 2, "desiredSize": 2} | (call.params.get("scalingConfig") or {})
    check_scaling(scaling)
    identifier = common.hex_id(call, 12)
    group = {
        "nodegroupName": name,
        "clusterName": cluster["name"],
        "nodegroupArn": call.arn(f"nodegroup/{cluster['name']}/{name}/{identifier}"),
        "version": version,
        "releaseVersion": call.params.get("releaseVersion") or release_of(version),
        "createdAt": common.now(),
        "modifiedAt": common.now(),
        "capacityType": call.params.get("capacityType", "ON_DEMAND"),
        "scalingConfig": scaling,
        "amiType": ami_type,
        "updateConfig": call.params.get("updateConfig") or {"maxUnavailable": 1},
        "resources": {"autoScalingGroups": [{"name": f"eks-{name}-{identifier}"}]},
        "health": {"issues": []},
        "tags": call.params.get("tags") or {},
        "labels": call.params.get("labels") or {},
        "_token": call.params.get("clientRequestToken"),
    }
    if call.params.get("launchTemplate"):
        group["launchTemplate"] = launch_template(call, call.params["launchTemplate"])
    else:
        group["diskSize"] = call.params.get("diskSize", 20)
    kinds = call.params.get("instanceTypes") or ([] if "launchTemplate" in group else ["t3.medium"])
    return group | ({"instanceTypes": kinds} if kinds else {})


def release_of(version):
    return f"{version}.2-20261101"


@operation("eks", "DescribeNodegroup")
def describe_nodegroup(call):
    return {"nodegroup": shown(call, nodegroup_of(call))}


@operation("eks", "ListNodegroups")
def list_nodegroups(call):
    prefix = cluster_of(call)["name"] + "/"
    names = [key[len(prefix) :] for key, _ in common.alive(call, call.table("nodegroups")) if key.startswith(prefix)]
    names, token = common.page(call, names, "maxResults", "nextToken")
    return {"nodegroups": names, "nextToken": token}


@operation("eks", "DeleteNodegroup")
def delete_nodegroup(call):
    group = nodegroup_of(call)
    key, phase = f"{group['clusterName']}/{group['nodegroupName']}", call.world.phase(group)
    if phase == "modifying":
        raise in_use("Nodegroup is being updated")
    if phase != "deleting":
        call.world.start(group, "deleting", "eks:nodegroup", key, lambda: call.table("nodegroups").pop(key, None))
    return {"nodegroup": {**public(group), "status": "DELETING"}}


def settled(call, group):
    phase = call.world.phase(group)
    if phase == "modifying":
        raise in_use("Nodegroup cannot be updated as it is currently not in Active State")
    if phase != "ready":
        raise AwsError("InvalidRequestException", "Nodegroup cannot be updated as it is currently not in Active State")
    return group
