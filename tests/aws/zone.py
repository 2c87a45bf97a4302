"""Makes a zone that is nobody's plan's, and in it a record if one is given; prints the zone's id."""

import sys

import boto3

route53 = boto3.client("route53")
name, *record = sys.argv[1:]
zone = route53.create_hosted_zone(Name=name, CallerReference="somebody else")["HostedZone"]["Id"].rsplit("/", 1)[-1]
if record:
    full, address = record
    values = {"Name": full, "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": address}]}
    changes = [{"Action": "CREATE", "ResourceRecordSet": values}]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})
print(zone)
