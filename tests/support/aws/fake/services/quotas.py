"""Service quotas, with values that a test may set."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation
from . import common

# "service:code" -> (name, value)
QUOTAS = {
    "vpc:L-F678F1CE": ("VPCs per Region", 5),
    "vpc:L-407747CB": ("Subnets per VPC", 200),
    "vpc:L-A4707A72": ("Internet gateways per Region", 5),
    "vpc:L-FE5A380F": ("NAT gateways per Availability Zone", 5),
    "vpc:L-E79EC296": ("VPC security groups per Region", 2500),
    "vpc:L-0EA8095F": ("Inbound or outbound rules per security group", 60),
    "vpc:L-29B6F2EB": ("Interface VPC endpoints per VPC", 50),
    "ec2:L-0263D0A3": ("EC2-VPC Elastic IPs", 5),
    "ec2:L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 256),
    "eks:L-1194D53C": ("Clusters", 100),
    "eks:L-6D54EA21": ("Managed node groups per cluster", 30),
    "eks:L-BD136A63": ("Nodes per managed node group", 450),
    "rds:L-952B80B8": ("DB clusters", 40),
    "rds:L-7B6409FD": ("DB instances", 40),
    "rds:L-E4C808A8": ("DB cluster parameter groups", 50),
    "rds:L-D94C7EA3": ("Proxies", 20),
    "elasticache:L-DFE45DF3": ("Nodes per Region", 300),
    "elasticache:L-AF354865": ("Nodes per cluster per instance type (Redis OSS cluster mode enabled)", 90),
    "elasticloadbalancing:L-53DA6B97": ("Application Load Balancers per Region", 50),
    "elasticloadbalancing:L-69A177A2": ("Network Load Balancers per Region", 50),
    "elasticloadbalancing:L-B22855CB": ("Target Groups per Region", 3000),
    "iam:L-FE177D64": ("Roles per account", 1000),
    "kms:L-C2F1777E": ("Customer Master Keys (CMKs)", 100000),
    "cloudfront:L-24B04930": ("Web distributions per AWS account", 500),
    "route53:L-4EA4796A": ("Hosted zones", 500),
    "acm:L-F141DD1D": ("ACM certificates", 2500),
    "ecr:L-CFEB8E8D": ("Registered repositories", 100000),
    "secretsmanager:L-2F66C23C": ("Secrets", 500000),
    "s3:L-DC2B2D3D": ("General purpose buckets", 10000),
}


def shown(call, key):
    service, code = key.split(":")
    name, default = QUOTAS.get(key, (code, 0))
    return {
        "ServiceCode": service,
        "ServiceName": service,
        "QuotaArn": call.arn(f"{service}/{code}", service="servicequotas"),
        "QuotaCode": code,
        "QuotaName": name,
        "Value": float(call.world.config["quotas"].get(key, default)),
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": service in ("iam", "cloudfront", "route53"),
    }


@operation("service-quotas", "GetServiceQuota", "GetAWSDefaultServiceQuota")
def get_quota(call):
    key = f"{call.params['ServiceCode']}:{call.params['QuotaCode']}"
    if key not in QUOTAS and key not in call.world.config["quotas"]:
        raise AwsError("NoSuchResourceException", "The specified resource does not exist.")
    view = shown(call, key)
    if call.operation == "GetAWSDefaultServiceQuota":
        view["Value"] = float(QUOTAS[key][1])
    return {"Quota": view}


@operation("service-quotas", "ListServiceQuotas", "ListAWSDefaultServiceQuotas")
def list_quotas(call):
    service = call.params["ServiceCode"]
    keys = sorted({*QUOTAS, *call.world.config["quotas"]})
    quotas = [shown(call, key) for key in keys if key.startswith(service + ":")]
    if not quotas:
        raise AwsError("NoSuchResourceException", f"The request failed because the specified service {service} does not exist.")
    quotas, token = common.page(call, quotas, "MaxResults", "NextToken")
    return {"Quotas": quotas, "NextToken": token}
