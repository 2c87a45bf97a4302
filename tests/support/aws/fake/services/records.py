"""Records in Route 53: sets of one name and type have one routing policy."""

from __future__ import annotations

from ..errors import AwsError
from ..registry import operation


@operation("route53", "ChangeResourceRecordSets")
def change_records(call):
    zone = call.params["HostedZoneId"].rsplit("/", 1)[-1]
    told = call.try_aws("route53", "ListResourceRecordSets", HostedZoneId=zone) or {}
    there = [(absolute(known), policy(known)) for known in told.get("ResourceRecordSets", [])]
    for change in call.params["ChangeBatch"]["Changes"]:
        wanted = change["ResourceRecordSet"]
        if change["Action"] == "DELETE":
            there = [known for known in there if known != (absolute(wanted), policy(wanted))]
        elif any(name == absolute(wanted) and other != policy(wanted) for name, other in there):
            message = (
                f"RRSet with DNS name {absolute(wanted)[0]}, type {wanted['Type']} cannot be created "
                "as other RRSets exist with the same name and type."
            )
            raise AwsError("InvalidChangeBatch", f"[{message}]")
    return call.moto()


def absolute(record):
    return record["Name"].rstrip(".") + ".", record["Type"]


def policy(record):
    for member in ("Failover", "Region", "Weight", "GeoLocation", "MultiValueAnswer"):
        if member in record:
            return member
    return "Simple"
