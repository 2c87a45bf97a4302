"""EKS clusters: create, describe, list, delete; versions; tags of everything of EKS."""

from __future__ import annotations

import base64
import json

from ..errors import AwsError
from ..registry import operation
from ..world import public
from . import common

# minor -> (end of standard support, end of extended support, released)
VERSIONS = {
    "1.32": ("2026-03-23", "2027-03-23", "2025-01-23"),
    "1.33": ("2026-07-29", "2027-07-29", "2025-05-29"),
    "1.34": ("2026-12-02", "2027-12-02", "2025-10-02"),
    "1.35": ("2027-03-27", "2028-03-27", "2026-01-27"),
}
DEFAULT_VERSION = "1.35"
LOG_TYPES = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
WORDS = {"creating": "CREATING", "modifying": "UPDATING", "deleting": "DELETING", "ready": "ACTIVE"}
TABLES = ("clusters", "nodegroups", "addons", "access_entries", "pod_identities")


def not_found(message):
    return AwsError("ResourceNotFoundException", message, 404)


def invalid(message):
    return AwsError("InvalidParameterException", message, 400)


def in_use(message):
    return AwsError("ResourceInUseException", message, 409)


def cluster_of(call, name=None, is_active=False):
    """The named cluster; `is_active` refuses one that is being made, changed or deleted."""
    name = name or call.params.get("clusterName") or call.params.get("name")
    cluster = common.found(call, call.table("clusters"), name, not_found(f"No cluster found for name: {name}."))
    phase = call.world.phase(cluster)
    if is_active and phase == "modifying":
        raise in_use(f"Cannot act on cluster {name} while an update is in progress")
    if is_active and phase != "ready":
        raise AwsError("InvalidRequestException", f"Cluster '{name}' is in {WORDS[phase]} status, it must be ACTIVE")
    return cluster


def shown(call, item):
    return {**public(item), "status": WORDS[call.world.phase(item)]}


def shown_cluster(call, cluster):
    view = shown(call, cluster)
    if view["status"] == "CREATING":
        for member in ("endpoint", "identity"):
            view.pop(member, None)
        view["certificateAuthority"] = {}
    return view


def again(call, table, name):
    """The item that a repeated request with the same token made, or None."""
    token = call.params.get("clientRequestToken")
    item = table.get(name)
    if item and token and item.get("_token") == token and call.world.phase(item) != "gone":
        return item
    return None


def check_network(call, config):
    ids = config.get("subnetIds") or []
    found = common.subnets(call, ids)
    if not ids or found is None:
        raise invalid(f"The subnet ID '{', '.join(ids)}' does not exist")
    if len({subnet["AvailabilityZone"] for subnet in found}) < 2:
        raise invalid("Subnets specified must be in at least two different AZs")
    if len({subnet["VpcId"] for subnet in found}) > 1:
        raise invalid("Subnets specified must be in the same VPC")
    if common.security_groups(call, config.get("securityGroupIds") or []) is None:
        raise invalid("The security group does not exist")
    return found[0]["VpcId"]


@operation("eks", "CreateCluster")
def create_cluster(call):
    name, table = call.params["name"], call.table("clusters")
    if repeated := again(call, table, name):
        return {"cluster": shown_cluster(call, repeated)}
    if name in table and call.world.phase(table[name]) != "gone":
        raise in_use(f"Cluster already exists with name: {name}")
    version = call.params.get("version", DEFAULT_VERSION)
    if version not in VERSIONS:
        raise invalid(f"unsupported Kubernetes version {version}")
    if not common.role_exists(call, call.params["roleArn"]):
        raise invalid(f"Role with arn: {call.params['roleArn']}, could not be assumed because it does not exist")
    for entry in call.params.get("encryptionConfig") or []:
        if not common.key_exists(call, entry.get("provider", {}).get("keyArn", "")):
            raise invalid("The KMS key in the encryption configuration does not exist or is disabled")
    vpc = check_network(call, call.params["resourcesVpcConfig"])
    cluster = new_cluster(call, name, version, vpc)
    table[name] = cluster
    call.world.start(cluster, "creating", "eks:cluster", name)
    admit_creator(call, cluster)
    return {"cluster": shown_cluster(call, cluster)}


def new_cluster(call, name, version, vpc):
    given, token = call.params["resourcesVpcConfig"], common.hex_id(call, 32).upper()
    access = {"authenticationMode": "CONFIG_MAP", "bootstrapClusterCreatorAdminPermissions": True}
    cluster = common.copied(call, ("roleArn", "encryptionConfig", "computeConfig", "storageConfig", "zonalShiftConfig"))
    api = call.world.config["eks_api"]
    authority = api.get("certificate_authority", f"certificate of {name}")
    network = {"serviceIpv4Cidr": "10.100.0.0/16", "ipFamily": "ipv4", "elasticLoadBalancing": {"enabled": False}}
    return cluster | {
        "name": name,
        "arn": call.arn(f"cluster/{name}"),
        "version": version,
        "createdAt": common.now(),
        "endpoint": api.get("url", f"https://{token}.gr7.{call.region}.eks.amazonaws.com"),
        "certificateAuthority": {"data": base64.b64encode(authority.encode()).decode()},
        "identity": {"oidc": {"issuer": f"https://oidc.eks.{call.region}.amazonaws.com/id/{token}"}},
        "platformVersion": "eks.1",
        "health": {"issues": []},
        "tags": call.params.get("tags") or {},
        "upgradePolicy": call.params.get("upgradePolicy") or {"supportType": "EXTENDED"},
        "deletionProtection": call.params.get("deletionProtection", False),
        "accessConfig": {**access, **(call.params.get("accessConfig") or {})},
        "logging": full_logging(call.params.get("logging")),
        "kubernetesNetworkConfig": {**network, **(call.params.get("kubernetesNetworkConfig") or {})},
        "resourcesVpcConfig": {
            "subnetIds": given["subnetIds"],
            "securityGroupIds": given.get("securityGroupIds") or [],
            "clusterSecurityGroupId": make_security_group(call, name, vpc),
            "vpcId": vpc,
            "endpointPublicAccess": given.get("endpointPublicAccess", True),
            "endpointPrivateAccess": given.get("endpointPrivateAccess", False),
            "publicAccessCidrs": given.get("publicAccessCidrs") or ["0.0.0.0/0"],
        },
        "_token": call.params.get("clientRequestToken"),
    }


def full_logging(given):
    """Every log type once, under enabled or not, as DescribeCluster tells it."""
    enabled = {
        kind for setup in (given or {}).get("clusterLogging") or [] if setup.get("enabled") for kind in setup["types"]
    }
    groups = [(state, [kind for kind in LOG_TYPES if (kind in enabled) == state]) for state in (True, False)]
    return {"clusterLogging": [{"types": types, "enabled": state} for state, types in groups if types]}


def make_security_group(call, name, vpc):
    tags = [
        {"Key": f"kubernetes.io/cluster/{name}", "Value": "owned"},
        {"Key": "Name", "Value": f"eks-cluster-sg-{name}"},
    ]
    group = call.aws(
        "ec2",
        "CreateSecurityGroup",
        GroupName=f"eks-cluster-sg-{name}-{common.hex_id(call, 8)}",
        Description="EKS created security group applied to ENI that is attached to EKS Control Plane master nodes",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )["GroupId"]
    rule = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    call.aws("ec2", "AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=rule)
    return group


def admit_creator(call, cluster):
    """EKS makes the creator an administrator, in the modes that have access entries."""
    access = cluster["accessConfig"]
    if access["authenticationMode"] == "CONFIG_MAP" or not access["bootstrapClusterCreatorAdminPermissions"]:
        return
    from .eks_access import new_entry

    principal = call.aws("sts", "GetCallerIdentity", "us-east-1")["Arn"]
    entry = new_entry(call, cluster["name"], principal)
    entry["_is_creators"] = True
    entry["_policies"] = {
        "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy": {
            "accessScope": {"type": "cluster", "namespaces": []},
            "associatedAt": common.now(),
            "modifiedAt": common.now(),
        }
    }
    call.table("access_entries")[f"{cluster['name']}/{principal}"] = entry


@operation("eks", "DescribeCluster")
def describe_cluster(call):
    return {"cluster": shown_cluster(call, cluster_of(call))}


@operation("eks", "ListClusters")
def list_clusters(call):
    names = [name for name, _ in common.alive(call, call.table("clusters"))]
    names, token = common.page(call, names, "maxResults", "nextToken")
    return {"clusters": names, "nextToken": token}


@operation("eks", "DeleteCluster")
def delete_cluster(call):
    cluster = cluster_of(call)
    name, phase = cluster["name"], call.world.phase(cluster)
    if phase == "deleting":
        return {"cluster": shown_cluster(call, cluster)}
    if phase != "ready":
        raise in_use(f"Cluster {name} is in {WORDS[phase]} status")
    if any(key.startswith(name + "/") for key, _ in common.alive(call, call.table("nodegroups"))):
        raise in_use("Cluster has nodegroups attached")
    if cluster["deletionProtection"]:
        raise AwsError("InvalidRequestException", f"Cluster {name} has deletion protection enabled")
    call.world.start(cluster, "deleting", "eks:cluster", name, lambda: remove_cluster(call, name))
    return {"cluster": {**public(cluster), "status": "DELETING"}}


def remove_cluster(call, name):
    cluster = call.table("clusters").pop(name)
    for table in ("addons", "access_entries", "pod_identities"):
        items = call.table(table)
        for key in [key for key in items if key.startswith(name + "/")]:
            del items[key]
    call.try_aws("ec2", "DeleteSecurityGroup", GroupId=cluster["resourcesVpcConfig"]["clusterSecurityGroupId"])


@operation("eks", "DescribeClusterVersions")
def describe_cluster_versions(call):
    wanted = call.params.get("clusterVersions") or sorted(VERSIONS, reverse=True)
    answers = []
    for version in wanted:
        if version not in VERSIONS:
            raise invalid(f"unsupported Kubernetes version {version}")
        standard, extended, released = VERSIONS[version]
        is_standard = standard > common.now().date().isoformat()
        answers.append(
            {
                "clusterVersion": version,
                "clusterType": "eks",
                "defaultPlatformVersion": "eks.1",
                "defaultVersion": version == DEFAULT_VERSION,
                "releaseDate": released + "T00:00:00Z",
                "endOfStandardSupportDate": standard + "T00:00:00Z",
                "endOfExtendedSupportDate": extended + "T00:00:00Z",
                "status": "standard-support" if is_standard else "extended-support",
                "versionStatus": "STANDARD_SUPPORT" if is_standard else "EXTENDED_SUPPORT",
                "kubernetesPatchVersion": version + ".2",
            }
        )
    if call.params.get("defaultOnly"):
        answers = [answer for answer in answers if answer["defaultVersion"]]
    status = call.params.get("versionStatus")
    return {"clusterVersions": [answer for answer in answers if status in (None, answer["versionStatus"])]}


def tagged(call):
    arn = call.params["resourceArn"]
    for table in TABLES:
        for _, item in common.alive(call, call.table(table)):
            if arn in (item.get(key) for key in ARN_MEMBERS):
                return item
    raise not_found(f"The specified resource could not be found: {arn}")


ARN_MEMBERS = ("arn", "nodegroupArn", "addonArn", "accessEntryArn", "associationArn")


@operation("eks", "TagResource")
def tag_resource(call):
    tagged(call)["tags"].update(call.params["tags"])


@operation("eks", "UntagResource")
def untag_resource(call):
    tags = tagged(call)["tags"]
    for key in call.params["tagKeys"]:
        tags.pop(key, None)


@operation("eks", "ListTagsForResource")
def list_tags(call):
    return {"tags": tagged(call)["tags"]}


def json_text(value):
    return json.dumps(value)
