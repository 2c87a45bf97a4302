"""The inventory of EKS, RDS and ElastiCache, from the fake's own state."""

from __future__ import annotations


def tables(listing, service, region=None):
    """A function from a table's name to what of it is not gone."""
    world = listing.fake.world
    state = world.state(service, region or listing.region)

    def items(name):
        return [(key, item) for key, item in sorted(state.get(name, {}).items()) if world.phase(item) != "gone"]

    return items


def eks(listing):
    items = tables(listing, "eks")
    for name, cluster in items("clusters"):
        listing.add("eks", "cluster", cluster["arn"], name, cluster["tags"])
    for key, group in items("nodegroups"):
        listing.add("eks", "nodegroup", group["nodegroupArn"], key, group["tags"])
    for key, addon in items("addons"):
        listing.add("eks", "addon", addon["addonArn"], key, addon["tags"])
    for key, entry in items("access_entries"):
        prefix = "managed_" if entry.get("_is_creators") else ""
        listing.add("eks", prefix + "access_entry", entry["accessEntryArn"], key, entry["tags"])
        for policy in sorted(entry["_policies"]):
            listing.add("eks", prefix + "access_policy_association", f"{key}/{policy}", key)
    for _, association in items("pod_identities"):
        name = f"{association['clusterName']}/{association['namespace']}/{association['serviceAccount']}"
        kind = "managed_pod_identity_association" if association.get("ownerArn") else "pod_identity_association"
        listing.add("eks", kind, association["associationArn"], name, association["tags"])


# Service, table, kind, member of the ARN
KINDS = (
    ("rds", "clusters", "cluster", "DBClusterArn"),
    ("rds", "instances", "instance", "DBInstanceArn"),
    ("rds", "subnet_groups", "subnet_group", "DBSubnetGroupArn"),
    ("rds", "cluster_parameter_groups", "cluster_parameter_group", "DBClusterParameterGroupArn"),
    ("rds", "parameter_groups", "parameter_group", "DBParameterGroupArn"),
    ("rds", "proxies", "proxy", "DBProxyArn"),
    ("rds", "cluster_snapshots", "cluster_snapshot", "DBClusterSnapshotArn"),
    ("elasticache", "groups", "replication_group", "ARN"),
    ("elasticache", "subnet_groups", "subnet_group", "ARN"),
    ("elasticache", "parameter_groups", "parameter_group", "ARN"),
    ("elasticache", "snapshots", "snapshot", "ARN"),
)


def databases_and_caches(listing):
    for service, table, kind, arn in KINDS:
        for name, item in tables(listing, service)(table):
            listing.add(service, kind, item[arn], name, item["_tags"])


def proxy_targets(listing):
    for name, proxy in tables(listing, "rds")("proxies"):
        for target in proxy["_targets"]:
            listing.add("rds", "proxy_target", f"{name}/{target}", name)


def global_clusters(listing):
    for name, item in tables(listing, "rds", "global")("global_clusters"):
        listing.add("rds", "global_cluster", item["GlobalClusterArn"], name, item["_tags"])


PARTS = (eks, databases_and_caches, proxy_targets)
GLOBAL_PARTS = (global_clusters,)
