"""The Price List Query API over a small catalogue, in the form that AWS documents (`aws_v1`).

The catalogue has what a platform needs in two regions, and beside each product what shares its family. Prices
in us-east-1 are those of `prices/aws-2026-11.yaml`; those in eu-west-1 are made up: a tenth dearer.
"""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

from ..errors import AwsError
from ..registry import operation
from . import common

LOCATIONS = {"us-east-1": "US East (N. Virginia)", "eu-west-1": "EU (Ireland)"}
FACTORS = {"us-east-1": Decimal(1), "eu-west-1": Decimal("1.1")}
# How an invoice writes the region; in its first region AWS leaves it out, but not with every service.
CODES = {"us-east-1": "", "eu-west-1": "EU-"}
ALWAYS_CODED = {"AmazonEKS", "AmazonVPC", "AWSSecretsManager"}

LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "licenseModel": "No License required",
    "capacitystatus": "Used",
}
AURORA = {"databaseEngine": "Aurora PostgreSQL", "deploymentOption": "Single-AZ"}
MYSQL = {"databaseEngine": "Aurora MySQL", "deploymentOption": "Single-AZ"}
OPTIMIZED = "Aurora IO Optimization Mode"

# Service, family, usage type without its region, further attributes, unit, price or tiers (end, price).
REGIONAL = [
    ("AmazonEKS", "Compute", "AmazonEKS-Hours:perCluster", {"operation": "CreateOperation"}, "Hours", "0.10"),
    ("AmazonEKS", "Compute", "AmazonEKS-Hours:extendedSupport", {"operation": "ExtendedSupport"}, "Hours", "0.50"),
    ("AmazonEKS", "Compute", "Outposts-AmazonEKS-Hours:perCluster", {}, "Hours", "0.11"),
    *(
        ("AmazonEC2", "Compute Instance", f"BoxUsage:{kind}", {"instanceType": kind, **LINUX}, "Hrs", price)
        for kind, price in (
            ("m6i.large", "0.096"),
            ("m6i.xlarge", "0.192"),
            ("m6i.2xlarge", "0.384"),
            ("m6i.4xlarge", "0.768"),
            ("m6i.8xlarge", "1.536"),
        )
    ),
    ("AmazonEC2", "Compute Instance", "BoxUsage:m6i.xlarge", {"instanceType": "m6i.xlarge", **LINUX, "operatingSystem": "Windows"}, "Hrs", "0.376"),
    ("AmazonEC2", "Compute Instance", "UnusedBox:m6i.xlarge", {"instanceType": "m6i.xlarge", **LINUX}, "Hrs", "0.2"),
    *(
        ("AmazonEC2", "Storage", f"EBS:VolumeUsage.{usage}", {"volumeApiName": kind}, "GB-Mo", price)
        for kind, usage, price in (
            ("gp3", "gp3", "0.08"),
            ("gp2", "gp2", "0.10"),
            ("io1", "piops", "0.125"),
            ("io2", "io2", "0.125"),
            ("st1", "st1", "0.045"),
            ("sc1", "sc1", "0.015"),
        )
    ),
    ("AmazonEC2", "NAT Gateway", "NatGateway-Hours", {"operation": "NatGateway"}, "Hrs", "0.045"),
    ("AmazonEC2", "NAT Gateway", "RegionalNatGateway-Hours", {"operation": "RegionalNatGateway"}, "Hrs", "0.047"),
    ("AmazonEC2", "NAT Gateway", "NatGateway-Bytes", {"operation": "NatGateway"}, "GB", "0.045"),
    ("AmazonRDS", "Database Instance", "InstanceUsage:db.r6g.2xl", {"instanceType": "db.r6g.2xlarge", **AURORA, "storage": "EBS Only"}, "Hrs", "1.038"),
    ("AmazonRDS", "Database Instance", "InstanceUsageIOOptimized:db.r6g.2xl", {"instanceType": "db.r6g.2xlarge", **AURORA, "storage": OPTIMIZED}, "Hrs", "1.3494"),
    ("AmazonRDS", "Database Instance", "InstanceUsage:db.r6g.2xl", {"instanceType": "db.r6g.2xlarge", **MYSQL, "storage": "EBS Only"}, "Hrs", "1.04"),
    ("AmazonRDS", "Database Storage", "Aurora:StorageUsage", {"volumeType": "General Purpose-Aurora", "databaseEngine": "Any"}, "GB-Mo", "0.10"),
    ("AmazonRDS", "Database Storage", "Aurora:IO-OptimizedStorageUsage", {"volumeType": "IO Optimized-Aurora", "databaseEngine": "Any"}, "GB-Mo", "0.225"),
    ("AmazonRDS", "Database Storage", "Aurora:IO-OptimizedStorageUsage-LimitlessPreview", {"volumeType": "IO Optimized-Aurora", "databaseEngine": "Any"}, "GB-Mo", "0"),
    ("AmazonRDS", "System Operation", "Aurora:StorageIOUsage", {"group": "Aurora I/O Operation", "databaseEngine": "Any"}, "IOs", "0.0000002"),
    ("AmazonRDS", "Aurora Global Database", "Aurora:ReplicatedWriteIO", {"databaseEngine": "Aurora PostgreSQL"}, "IOs", "0.0000002"),
    ("AmazonRDS", "Storage Snapshot", "Aurora:BackupUsage", {"databaseEngine": "Aurora PostgreSQL"}, "GB-Mo", "0.021"),
    ("AmazonRDS", "Storage Snapshot", "Aurora:BackupUsage", {"databaseEngine": "Aurora MySQL"}, "GB-Mo", "0.022"),
    ("AmazonRDS", "Storage Snapshot", "RDS:ChargedBackupUsage", {"databaseEngine": "Any"}, "GB-Mo", "0.095"),
    ("AmazonRDS", "RDSProxy", "RDS:ProxyUsage", {"databaseEngine": "Aurora PostgreSQL"}, "Hrs", "0.015"),
    ("AmazonRDS", "RDSProxy", "RDS:Proxy-ASv2-Usage", {"databaseEngine": "Aurora PostgreSQL"}, "ACU-Hr", "0.015"),
    *(
        ("AmazonElastiCache", "Cache Instance", f"NodeUsage:{node}", {"instanceType": node, "cacheEngine": engine}, "Hrs", price)
        for node, engine, price in (
            ("cache.r6g.xlarge", "Redis", "0.411"),
            ("cache.r6g.xlarge", "Valkey", "0.3288"),
            ("cache.r6g.large", "Redis", "0.206"),
            ("cache.r6g.large", "Valkey", "0.1648"),
        )
    ),
    ("AWSELB", "Load Balancer-Application", "LoadBalancerUsage", {"operation": "LoadBalancing:Application"}, "Hrs", "0.0225"),
    ("AWSELB", "Load Balancer-Application", "TS-LoadBalancerUsage", {"operation": "LoadBalancing:Application"}, "Hrs", "0.0056"),
    ("AWSELB", "Load Balancer-Application", "LCUUsage", {"operation": "LoadBalancing:Application"}, "LCU-Hrs", "0.008"),
    ("AWSELB", "Load Balancer-Application", "Outposts-LCUUsage", {"operation": "LoadBalancing:Application"}, "LCU-Hrs", "0"),
    ("AWSELB", "Load Balancer-Application", "ReservedLCUUsage", {"operation": "LoadBalancing:Application"}, "ReservedLCU-Hr", "0.008"),
    ("AWSELB", "Load Balancer-Network", "LoadBalancerUsage", {"operation": "LoadBalancing:Network"}, "Hrs", "0.0225"),
    ("AWSELB", "Load Balancer-Network", "LCUUsage", {"operation": "LoadBalancing:Network"}, "LCU-Hrs", "0.006"),
    ("AmazonVPC", None, "PublicIPv4:InUseAddress", {"group": "VPCPublicIPv4Address"}, "Hrs", "0.005"),
    ("AmazonVPC", None, "PublicIPv4:IdleAddress", {"group": "VPCPublicIPv4Address"}, "Hrs", "0.005"),
    ("AmazonVPC", None, "PublicIPv4:ContiguousBlock", {"group": "VPCPublicIPv4Address"}, "Hrs", "0.008"),
    ("AmazonVPC", "VpcEndpoint", "VpcEndpoint-Hours", {"operation": "VpcEndpoint"}, "Hrs", "0.01"),
    ("AmazonVPC", "VpcEndpoint", "VpcEndpoint-GWLBE-Hours", {"operation": "VpcEndpoint"}, "Hrs", "0.01"),
    ("AmazonCloudWatch", "Data Payload", "DataProcessing-Bytes", {"operation": "PutLogEvents"}, "GB", "0.50"),
    ("AmazonCloudWatch", "Data Payload", "DataProcessingIA-Bytes", {"operation": "PutLogEvents"}, "GB", "0.25"),
    ("AmazonCloudWatch", "Storage Snapshot", "TimedStorage-ByteHrs", {"operation": "HourlyStorageMetering"}, "GB-Mo", "0.03"),
    ("AmazonCloudWatch", "Metric", "CW:MetricMonitorUsage", {"group": "Metric"}, "Metrics", [("10000", "0.30"), ("250000", "0.10"), ("1000000", "0.05"), ("Inf", "0.02")]),
    ("AmazonCloudWatch", "Alarm", "CW:AlarmMonitorUsage", {"alarmType": "Standard"}, "Alarms", "0.10"),
    ("AmazonCloudWatch", "Alarm", "CW:HighResAlarmMonitorUsage", {"alarmType": "High Resolution"}, "Alarms", "0.30"),
    ("awskms", "Encryption Key", "KMS-Keys", {}, "Keys", "1.00"),
    ("AWSSecretsManager", "Secret", "AWSSecretsManager-Secrets", {}, "Secrets", "0.40"),
]
EVERYWHERE = [
    ("AmazonRoute53", "DNS Zone", "HostedZone", {}, "HostedZone", [("25", "0.50"), ("Inf", "0.10")]),
    ("AmazonRoute53", "DNS Health Check", "Health-Check-AWS", {}, "Health Checks", [("50", "0"), ("Inf", "0.50")]),
    ("AmazonRoute53", "DNS Health Check", "Health-Check-Non-AWS", {}, "Health Checks", "0.75"),
    ("AmazonRoute53", "DNS Health Check", "Health-Check-Option-AWS", {}, "Optional Features", "1.00"),
]
OUT = [("10240", "0.09"), ("51200", "0.085"), ("153600", "0.07"), ("Inf", "0.05")]


def written(price):
    return f"{Decimal(price):.10f}"


def document(service, family, attributes, unit, price, factor):
    """The product's JSON as a Python table; its SKU is the same each time."""
    named = json.dumps([service, family, attributes], sort_keys=True)
    sku = hashlib.sha256(named.encode()).hexdigest()[:16].upper()
    term, begin, dimensions = f"{sku}.JRTCKXETXF", "0", {}
    for number, (end, each) in enumerate(price if isinstance(price, list) else [("Inf", price)]):
        code = f"{term}.RATE{number:06d}"
        dimensions[code] = {
            "unit": unit,
            "beginRange": begin,
            "endRange": end,
            "description": f"{each} per {unit}",
            "appliesTo": [],
            "rateCode": code,
            "pricePerUnit": {"USD": written(Decimal(each) * factor)},
        }
        begin = end
    offer = {
        "priceDimensions": dict(reversed(dimensions.items())),
        "sku": sku,
        "effectiveDate": "2026-11-01T00:00:00Z",
        "offerTermCode": "JRTCKXETXF",
        "termAttributes": {},
    }
    product = {"sku": sku, "attributes": {"servicecode": service, **attributes}}
    if family:
        product["productFamily"] = family
    return {
        "product": product,
        "serviceCode": service,
        "terms": {"OnDemand": {term: offer}},
        "version": "20261120000000",
        "publicationDate": "2026-11-20T00:00:00Z",
    }


def usage_of(service, region, usage):
    if service == "awskms":
        return f"{region}-{usage}"
    if region == "us-east-1" and (service in ALWAYS_CODED or usage.startswith("RDS:Proxy")):
        return f"USE1-{usage}"
    return CODES[region] + usage


def catalogue():
    products = []
    for region, location in LOCATIONS.items():
        factor = FACTORS[region]
        for service, family, usage, more, unit, price in REGIONAL:
            place = {"locationType": "AWS Region", "location": location, "regionCode": region}
            attributes = {"usagetype": usage_of(service, region, usage), **place, **more}
            products.append(document(service, family, attributes, unit, price, factor))
        other = next(name for name in LOCATIONS if name != region)
        code, to = CODES[region] or "USE1-", CODES[other] or "USE1-"
        for kind, usage, target, price in (
            ("AWS Outbound", f"{CODES[region]}DataTransfer-Out-Bytes", {"toLocation": "External", "toLocationType": "Other"}, OUT),
            ("AWS Inbound", f"{CODES[region]}DataTransfer-In-Bytes", {"toLocation": location}, "0"),
            ("IntraRegion", f"{CODES[region]}DataTransfer-Regional-Bytes", {"toRegionCode": region}, "0.01"),
            ("IntraRegion", f"{code}DataTransfer-xAZ-Out-Bytes", {"toRegionCode": region}, "0"),
            ("InterRegion Outbound", f"{code}{to}AWS-Out-Bytes", {"toRegionCode": other}, "0.02"),
        ):
            attributes = {"transferType": kind, "usagetype": usage, "fromRegionCode": region, **target}
            products.append(document("AWSDataTransfer", "Data Transfer", attributes, "GB", price, factor))
    for service, family, usage, more, unit, price in EVERYWHERE:
        attributes = {"usagetype": usage, "location": "Any", "locationType": "Other", **more}
        products.append(document(service, family, attributes, unit, price, Decimal(1)))
    return products


PRODUCTS = catalogue()


def matches(product, filters):
    attributes = {**product["product"]["attributes"], "productFamily": product["product"].get("productFamily")}
    attributes["ServiceCode"] = product["serviceCode"]
    return all(attributes.get(name) == value for name, value in filters)


def as_configured(product, config):
    """The JSON text, changed as a test wants it; None where the product is to be hidden."""
    usage = product["product"]["attributes"]["usagetype"]
    if usage in config.get("hidden", ()):
        return None
    if usage in config.get("garbage", ()):
        return json.dumps(product)[:100]
    text = json.dumps(product)
    price = config.get("price", {}).get(usage)
    if price is not None:
        product = json.loads(text)
        for offer in product["terms"]["OnDemand"].values():
            for dimension in offer["priceDimensions"].values():
                dimension["pricePerUnit"] = price if isinstance(price, dict) else {"USD": written(price)}
        text = json.dumps(product)
    return text


@operation("pricing", "GetProducts")
def get_products(call):
    service = call.params["ServiceCode"]
    if not any(product["serviceCode"] == service for product in PRODUCTS):
        raise AwsError("InvalidParameterException", f"{service} is not a valid service code")
    filters = []
    for each in call.params.get("Filters", ()):
        if each["Type"] != "TERM_MATCH":
            raise AwsError("InvalidParameterException", f"the fake has no filters of type {each['Type']}")
        filters.append((each["Field"], each["Value"]))
    config = call.world.config["price_list"]
    found = [product for product in PRODUCTS if product["serviceCode"] == service and matches(product, filters)]
    texts = [text for text in (as_configured(product, config) for product in found) if text is not None]
    if config.get("page"):
        call.params["MaxResults"] = min(config["page"], call.params.get("MaxResults", 100))
    page, token = common.page(call, texts, "MaxResults", "NextToken")
    answer = {"FormatVersion": "aws_v1", "PriceList": page}
    return {**answer, "NextToken": token} if token else answer
