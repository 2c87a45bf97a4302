"""A record that answers something else."""

import sys

import boto3

route53 = boto3.client("route53")
zone, name, kind, *rest = sys.argv[1].split("/")
sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
record = next(
    one
    for one in sets
    if one["Name"].rstrip(".").replace("\\052", "*") == name
    and one["Type"] == kind
    and (not rest or one.get("SetIdentifier") == rest[0])
)
if "AliasTarget" in record:
    record["AliasTarget"]["DNSName"] = "elsewhere.us-east-1.elb.amazonaws.com"
else:
    record["TTL"] += 60
changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
