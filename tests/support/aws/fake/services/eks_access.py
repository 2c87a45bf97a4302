"""EKS's access entries and the access policies associated with them."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from ..world import public
from . import common
from .eks_clusters import cluster_of, in_use, invalid, not_found

POLICY_PREFIX = "arn:aws:eks::aws:cluster-access-policy/"
POLICIES = {
    "AmazonEKSClusterAdminPolicy",
    "AmazonEKSAdminPolicy",
    "AmazonEKSAdminViewPolicy",
    "AmazonEKSEditPolicy",
    "AmazonEKSViewPolicy",
    "AmazonEKSAutoNodePolicy",
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
    "AmazonEKSSecretReaderPolicy",
}
TYPES = {"STANDARD", "EC2_LINUX", "EC2_WINDOWS", "FARGATE_LINUX", "EC2", "HYBRID_LINUX", "HYPERPOD_LINUX"}


def cluster_with_entries(call):
    cluster = cluster_of(call)
    if cluster["accessConfig"]["authenticationMode"] == "CONFIG_MAP":
        raise AwsError("InvalidRequestException", "The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP]")
    return cluster["name"]


def entry_of(call):
    cluster, principal = cluster_with_entries(call), call.params["principalArn"]
    error = not_found(f"The specified principalArn could not be found: {principal}")
    return common.found(call, call.table("access_entries"), f"{cluster}/{principal}", error)


def new_entry(call, cluster, principal):
    kind, name = principal.rsplit(":", 1)[1].split("/", 1)
    return {
        "clusterName": cluster,
        "principalArn": principal,
        "kubernetesGroups": call.params.get("kubernetesGroups") or [],
        "accessEntryArn": call.arn(f"access-entry/{cluster}/{kind}/123456789012/{name}/{common.hex_id(call, 12)}"),
        "createdAt": common.now(),
        "modifiedAt": common.now(),
        "tags": (call.params.get("tags") or {}) if call.operation == "CreateAccessEntry" else {},
        "username": call.params.get("username") or principal,
        "type": call.params.get("type", "STANDARD"),
        "_policies": {},
        "_token": call.params.get("clientRequestToken"),
    }


@operation("eks", "CreateAccessEntry")
def create_entry(call):
    cluster, principal = cluster_with_entries(call), call.params["principalArn"]
    table, key = call.table("access_entries"), f"{cluster}/{principal}"
    token = call.params.get("clientRequestToken")
    if key in table:
        if token and table[key]["_token"] == token:
            return {"accessEntry": public(table[key])}
        raise in_use("The specified access entry resource is already in use on this cluster.")
    if ":role/" in principal and not common.role_exists(call, principal):
        raise invalid("The specified principalArn is invalid: invalid principal.")
    if call.params.get("type", "STANDARD") not in TYPES:
        raise invalid("The specified type is invalid")
    table[key] = new_entry(call, cluster, principal)
    return {"accessEntry": public(table[key])}


@operation("eks", "DescribeAccessEntry")
def describe_entry(call):
    return {"accessEntry": public(entry_of(call))}


@operation("eks", "UpdateAccessEntry")
def update_entry(call):
    entry = entry_of(call)
    entry.update(common.copied(call, ("kubernetesGroups", "username")), modifiedAt=common.now())
    return {"accessEntry": public(entry)}


@operation("eks", "DeleteAccessEntry")
def delete_entry(call):
    entry = entry_of(call)
    del call.table("access_entries")[f"{entry['clusterName']}/{entry['principalArn']}"]


@operation("eks", "ListAccessEntries")
def list_entries(call):
    prefix = cluster_with_entries(call) + "/"
    wanted = call.params.get("associatedPolicyArn")
    names = [
        key[len(prefix) :]
        for key, entry in sorted(call.table("access_entries").items())
        if key.startswith(prefix) and (not wanted or wanted in entry["_policies"])
    ]
    names, token = common.page(call, names, "maxResults", "nextToken")
    return {"accessEntries": names, "nextToken": token}


@operation("eks", "AssociateAccessPolicy")
def associate_policy(call):
    entry, arn = entry_of(call), call.params["policyArn"]
    if not arn.startswith(POLICY_PREFIX) or arn[len(POLICY_PREFIX) :] not in POLICIES:
        raise invalid("The specified policyArn is invalid")
    scope = {"namespaces": [], **call.params["accessScope"]}
    if scope.get("type") == "namespace" and not scope["namespaces"]:
        raise invalid("The namespaces of an access scope of type namespace must not be empty")
    old = entry["_policies"].get(arn, {})
    entry["_policies"][arn] = {
        "accessScope": scope,
        "associatedAt": old.get("associatedAt", common.now()),
        "modifiedAt": common.now(),
    }
    policy = {"policyArn": arn, **entry["_policies"][arn]}
    return {"clusterName": entry["clusterName"], "principalArn": entry["principalArn"], "associatedAccessPolicy": policy}


@operation("eks", "DisassociateAccessPolicy")
def disassociate_policy(call):
    entry = entry_of(call)
    if entry["_policies"].pop(call.params["policyArn"], None) is None:
        raise not_found("The specified access policy is not associated with the access entry")


@operation("eks", "ListAssociatedAccessPolicies")
def list_policies(call):
    entry = entry_of(call)
    policies = [{"policyArn": arn, **policy} for arn, policy in sorted(entry["_policies"].items())]
    policies, token = common.page(call, policies, "maxResults", "nextToken")
    answer = {"clusterName": entry["clusterName"], "principalArn": entry["principalArn"]}
    return {**answer, "associatedAccessPolicies": policies, "nextToken": token}


@operation("eks", "ListAccessPolicies")
def list_known_policies(_):
    return {"accessPolicies": [{"name": name, "arn": POLICY_PREFIX + name} for name in sorted(POLICIES)]}


@operation("eks", "ListFargateProfiles")
def list_fargate_profiles(call):
    cluster_of(call)
    return {"fargateProfileNames": []}


@operation("eks", "ListIdentityProviderConfigs")
def list_identity_providers(call):
    cluster_of(call)
    return {"identityProviderConfigs": []}
