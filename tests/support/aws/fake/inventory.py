"""Everything that exists, over all regions and services, without what AWS itself puts there.

Each thing is `{service, region, kind, id, name, tags}`. What a service makes for itself (EKS's security group, RDS's
secret, the interfaces of a NAT gateway) has a kind that begins with `managed_`.
"""

from __future__ import annotations

from . import inventory_own
from .errors import AwsError
from .services.common import tags_of


class Listing:
    """Collects the things of one region."""

    def __init__(self, fake, region):
        self.fake, self.region, self.things = fake, region, []

    def call(self, service, operation, **params):
        return self.fake.invoke(service, operation, self.region, params)

    def add(self, service, kind, identifier, name=None, tags=None, region=None):
        tags = tags if isinstance(tags, dict) else tags_of(tags)
        self.things.append(
            {
                "service": service,
                "region": self.region if region is None else region,
                "kind": kind,
                "id": str(identifier),
                "name": name if name is not None else tags.get("Name"),
                "tags": tags,
            }
        )


def everything(fake):
    things = []
    for region in fake.world.config["regions"]:
        listing = Listing(fake, region)
        for part in (network, security_groups, balancers, certificates, keys, small, *inventory_own.PARTS):
            part(listing)
        things += listing.things
    listing = Listing(fake, "us-east-1")
    for part in (identities, domains, distributions, buckets, *inventory_own.GLOBAL_PARTS):
        part(listing)
    things += [{**thing, "region": "global"} for thing in listing.things]
    return sorted(things, key=lambda thing: (thing["service"], thing["region"], thing["kind"], thing["id"]))


# EC2: kind, operation, list in the answer, id, name
NETWORK = (
    ("vpc", "DescribeVpcs", "Vpcs", "VpcId", None),
    ("subnet", "DescribeSubnets", "Subnets", "SubnetId", None),
    ("internet_gateway", "DescribeInternetGateways", "InternetGateways", "InternetGatewayId", None),
    ("elastic_ip", "DescribeAddresses", "Addresses", "AllocationId", None),
    ("launch_template", "DescribeLaunchTemplates", "LaunchTemplates", "LaunchTemplateId", "LaunchTemplateName"),
    ("vpc_endpoint", "DescribeVpcEndpoints", "VpcEndpoints", "VpcEndpointId", None),
    ("flow_log", "DescribeFlowLogs", "FlowLogs", "FlowLogId", None),
    ("instance", "DescribeInstances", None, "InstanceId", None),
    ("volume", "DescribeVolumes", "Volumes", "VolumeId", None),
    ("vpc_peering", "DescribeVpcPeeringConnections", "VpcPeeringConnections", "VpcPeeringConnectionId", None),
)


def network(listing):
    for kind, operation, member, identifier, name in NETWORK:
        told = listing.call("ec2", operation)
        if member is None:
            items = [item for reservation in told["Reservations"] for item in reservation["Instances"]]
            items = [item for item in items if item["State"]["Name"] != "terminated"]
        else:
            items = told.get(member, [])
        for item in items:
            listing.add("ec2", kind, item[identifier], item.get(name) if name else None, item.get("Tags"))
    managed = set()
    for nat in listing.call("ec2", "DescribeNatGateways").get("NatGateways", []):
        managed |= {address.get("NetworkInterfaceId") for address in nat.get("NatGatewayAddresses", [])}
        if nat["State"] != "deleted":
            listing.add("ec2", "nat_gateway", nat["NatGatewayId"], None, nat.get("Tags"))
    for point in listing.call("ec2", "DescribeVpcEndpoints").get("VpcEndpoints", []):
        managed |= set(point.get("NetworkInterfaceIds", []))
    for card in listing.call("ec2", "DescribeNetworkInterfaces").get("NetworkInterfaces", []):
        identifier = card["NetworkInterfaceId"]
        kind = "managed_network_interface" if identifier in managed else "network_interface"
        listing.add("ec2", kind, identifier, None, card.get("TagSet"))
    for table in listing.call("ec2", "DescribeRouteTables").get("RouteTables", []):
        if not any(association.get("Main") for association in table.get("Associations", [])):
            listing.add("ec2", "route_table", table["RouteTableId"], None, table.get("Tags"))
        for route in table.get("Routes", []):
            target = route.get("DestinationCidrBlock") or route.get("DestinationPrefixListId") or "ipv6"
            if route.get("GatewayId") != "local" and not (route.get("GatewayId") or "").startswith("vpce-"):
                listing.add("ec2", "route", f"{table['RouteTableId']}/{target}")


def security_groups(listing):
    groups = listing.call("ec2", "DescribeSecurityGroups")["SecurityGroups"]
    managed = {group["GroupId"] for group in groups if group["GroupName"].startswith("eks-cluster-sg-")}
    named = {group["GroupId"]: group for group in groups if group["GroupName"] != "default"}
    for identifier, group in named.items():
        kind = "managed_security_group" if identifier in managed else "security_group"
        listing.add("ec2", kind, identifier, group["GroupName"], group.get("Tags"))
    for rule in listing.call("ec2", "DescribeSecurityGroupRules").get("SecurityGroupRules", []):
        if rule["GroupId"] in named:
            is_default = rule["IsEgress"] and rule["IpProtocol"] == "-1" and rule.get("CidrIpv4") == "0.0.0.0/0"
            kind = "managed_security_group_rule" if is_default or rule["GroupId"] in managed else "security_group_rule"
            listing.add("ec2", kind, rule["SecurityGroupRuleId"], rule["GroupId"], rule.get("Tags"))


def balancers(listing):
    def tagged(kind, arn, name):
        told = listing.call("elbv2", "DescribeTags", ResourceArns=[arn])["TagDescriptions"]
        listing.add("elbv2", kind, arn, name, told[0].get("Tags") if told else None)

    for group in listing.call("elbv2", "DescribeTargetGroups").get("TargetGroups", []):
        tagged("target_group", group["TargetGroupArn"], group["TargetGroupName"])
    for balancer in listing.call("elbv2", "DescribeLoadBalancers").get("LoadBalancers", []):
        arn = balancer["LoadBalancerArn"]
        tagged("load_balancer", arn, balancer["LoadBalancerName"])
        for listener in listing.call("elbv2", "DescribeListeners", LoadBalancerArn=arn)["Listeners"]:
            tagged("listener", listener["ListenerArn"], f"{balancer['LoadBalancerName']}:{listener['Port']}")
            for rule in listing.call("elbv2", "DescribeRules", ListenerArn=listener["ListenerArn"])["Rules"]:
                if not rule.get("IsDefault"):
                    tagged("rule", rule["RuleArn"], rule["Priority"])


def certificates(listing):
    for row in listing.call("acm", "ListCertificates").get("CertificateSummaryList", []):
        arn = row["CertificateArn"]
        tags = listing.call("acm", "ListTagsForCertificate", CertificateArn=arn).get("Tags")
        listing.add("acm", "certificate", arn, row["DomainName"], tags)


def keys(listing):
    managed = set()
    for alias in listing.call("kms", "ListAliases")["Aliases"]:
        if alias["AliasName"].startswith("alias/aws/"):
            managed.add(alias.get("TargetKeyId"))
        else:
            listing.add("kms", "alias", alias["AliasName"], alias["AliasName"])
    for key in listing.call("kms", "ListKeys")["Keys"]:
        metadata = listing.call("kms", "DescribeKey", KeyId=key["KeyId"])["KeyMetadata"]
        if metadata["KeyManager"] != "AWS" and key["KeyId"] not in managed:
            told = listing.call("kms", "ListResourceTags", KeyId=key["KeyId"]).get("Tags", [])
            tags = {tag["TagKey"]: tag["TagValue"] for tag in told}
            kind = "key" if metadata["KeyState"] != "PendingDeletion" else "key_pending_deletion"
            listing.add("kms", kind, key["KeyId"], metadata.get("Description"), tags)


def small(listing):
    """Log groups, alarms, dashboards, secrets, repositories, parameters."""
    for group in listing.call("logs", "DescribeLogGroups").get("logGroups", []):
        tags = listing.call("logs", "ListTagsLogGroup", logGroupName=group["logGroupName"]).get("tags", {})
        listing.add("logs", "log_group", group["logGroupName"], group["logGroupName"], tags)
    told = listing.call("cloudwatch", "DescribeAlarms")
    for alarm in told.get("MetricAlarms", []) + told.get("CompositeAlarms", []):
        tags = listing.call("cloudwatch", "ListTagsForResource", ResourceARN=alarm["AlarmArn"]).get("Tags")
        listing.add("cloudwatch", "alarm", alarm["AlarmName"], alarm["AlarmName"], tags)
    for board in listing.call("cloudwatch", "ListDashboards").get("DashboardEntries", []):
        listing.add("cloudwatch", "dashboard", board["DashboardName"], board["DashboardName"])
    for secret in listing.call("secretsmanager", "ListSecrets", IncludePlannedDeletion=True)["SecretList"]:
        kind = "managed_secret" if secret["Name"].startswith("rds!") else "secret"
        kind += "_pending_deletion" if secret.get("DeletedDate") else ""
        listing.add("secretsmanager", kind, secret["ARN"], secret["Name"], secret.get("Tags"))
    for repository in listing.call("ecr", "DescribeRepositories")["repositories"]:
        arn = repository["repositoryArn"]
        tags = listing.call("ecr", "ListTagsForResource", resourceArn=arn).get("tags")
        listing.add("ecr", "repository", arn, repository["repositoryName"], tags)


def identities(listing):
    for role in listing.call("iam", "ListRoles")["Roles"]:
        if not role["Path"].startswith("/aws-service-role/"):
            name = role["RoleName"]
            listing.add("iam", "role", role["Arn"], name, listing.call("iam", "ListRoleTags", RoleName=name)["Tags"])
            for policy in listing.call("iam", "ListRolePolicies", RoleName=name)["PolicyNames"]:
                listing.add("iam", "role_policy", f"{name}/{policy}", policy)
            for policy in listing.call("iam", "ListAttachedRolePolicies", RoleName=name)["AttachedPolicies"]:
                listing.add("iam", "role_policy_attachment", f"{name}/{policy['PolicyArn']}", policy["PolicyName"])
    for policy in listing.call("iam", "ListPolicies", Scope="Local")["Policies"]:
        tags = listing.call("iam", "ListPolicyTags", PolicyArn=policy["Arn"]).get("Tags")
        listing.add("iam", "policy", policy["Arn"], policy["PolicyName"], tags)
    for profile in listing.call("iam", "ListInstanceProfiles")["InstanceProfiles"]:
        listing.add("iam", "instance_profile", profile["Arn"], profile["InstanceProfileName"], profile.get("Tags"))
    for provider in listing.call("iam", "ListOpenIDConnectProviders")["OpenIDConnectProviderList"]:
        told = listing.call("iam", "GetOpenIDConnectProvider", OpenIDConnectProviderArn=provider["Arn"])
        listing.add("iam", "oidc_provider", provider["Arn"], told["Url"], told.get("Tags"))


def domains(listing):
    def tags_for(kind, identifier):
        told = listing.call("route53", "ListTagsForResource", ResourceType=kind, ResourceId=identifier)
        return told["ResourceTagSet"].get("Tags")

    for zone in listing.call("route53", "ListHostedZones")["HostedZones"]:
        identifier = zone["Id"].rsplit("/", 1)[-1]
        listing.add("route53", "hosted_zone", identifier, zone["Name"], tags_for("hostedzone", identifier))
        told = listing.call("route53", "ListResourceRecordSets", HostedZoneId=identifier)
        for record in told["ResourceRecordSets"]:
            if record["Type"] not in ("NS", "SOA"):
                name = f"{record['Name']} {record['Type']} {record.get('SetIdentifier', '')}".strip()
                listing.add("route53", "record_set", f"{identifier}/{name}", name)
    for check in listing.call("route53", "ListHealthChecks")["HealthChecks"]:
        listing.add("route53", "health_check", check["Id"], None, tags_for("healthcheck", check["Id"]))


def distributions(listing):
    told = listing.call("cloudfront", "ListDistributions").get("DistributionList", {})
    for distribution in told.get("Items") or []:
        tags = listing.call("cloudfront", "ListTagsForResource", Resource=distribution["ARN"])["Tags"].get("Items")
        listing.add("cloudfront", "distribution", distribution["Id"], distribution.get("Comment"), tags)
    told = listing.call("cloudfront", "ListOriginAccessControls").get("OriginAccessControlList", {})
    for control in told.get("Items") or []:
        listing.add("cloudfront", "origin_access_control", control["Id"], control["Name"])


def buckets(listing):
    for bucket in listing.call("s3", "ListBuckets")["Buckets"]:
        try:
            tags = listing.call("s3", "GetBucketTagging", Bucket=bucket["Name"])["TagSet"]
        except AwsError:
            tags = None
        listing.add("s3", "bucket", bucket["Name"], bucket["Name"], tags)


