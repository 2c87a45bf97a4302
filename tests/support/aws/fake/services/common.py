"""What several services' handlers need: lookups of what they refer to, paging, names, tags."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone

from .. import models
from ..errors import AwsError


def now():
    return datetime.now(timezone.utc)


def hex_id(call, length=17):
    """A fresh id: random to look at, the same in every run."""
    return hashlib.sha256(f"{call.world.next_number()}".encode()).hexdigest()[:length]


def page(call, items, size_parameter, token_parameter, default=100):
    """(a page of items, the token of the next)."""
    begin = int(call.params.get(token_parameter) or 0)
    end = begin + int(call.params.get(size_parameter) or default)
    return items[begin:end], (str(end) if end < len(items) else None)


def tags_of(listed):
    """Tags as a table, from AWS's list of Key and Value."""
    return {tag["Key"]: tag.get("Value", "") for tag in listed or []}


def tag_list(table):
    return [{"Key": key, "Value": value} for key, value in table.items()]


def merge_tags(old, new):
    return tag_list({**tags_of(old), **tags_of(new)})


def role_exists(call, arn):
    name = (arn or "").rsplit("/", 1)[-1]
    found = ":role/" in (arn or "") and call.try_aws("iam", "GetRole", "us-east-1", RoleName=name)
    return bool(found) and found["Role"]["Arn"] == arn


def key_exists(call, key):
    found = call.try_aws("kms", "DescribeKey", KeyId=key)
    return bool(found) and found["KeyMetadata"]["KeyState"] == "Enabled"


def subnets(call, ids):
    """The subnets by id, in the order given; None if one is missing."""
    found = call.try_aws("ec2", "DescribeSubnets", SubnetIds=list(ids)) if ids else {"Subnets": []}
    if not found:
        return None
    by_id = {subnet["SubnetId"]: subnet for subnet in found["Subnets"]}
    return [by_id[identifier] for identifier in ids] if set(ids) <= by_id.keys() else None


def security_groups(call, ids):
    found = call.try_aws("ec2", "DescribeSecurityGroups", GroupIds=list(ids)) if ids else {"SecurityGroups": []}
    return found["SecurityGroups"] if found else None


def is_instance_type(name):
    return name in models.service_model("ec2").shape_for("InstanceType").metadata["enum"]


def copied(call, names):
    """The call's parameters of these names, those given only."""
    return {name: call.params[name] for name in names if call.params.get(name) is not None}


def output_members(service, shape):
    return models.service_model(service).shape_for(shape).members


def alive(call, table):
    """(key, item) of what is not gone yet."""
    return [(key, item) for key, item in sorted(table.items()) if call.world.phase(item) != "gone"]


def found(call, table, key, error):
    """The item, or `error` raised if there is none or it is gone."""
    item = table.get(key)
    if item is None or call.world.phase(item) == "gone":
        raise error
    return item


def filtered(items, filters, members):
    """Items that pass RDS's and ElastiCache's filters, by the member each filter name stands for."""
    for wanted in filters or []:
        member = members.get(wanted["Name"])
        if member is None:
            raise AwsError("InvalidParameterValue", f"Unrecognized filter name: {wanted['Name']}")
        items = [item for item in items if item.get(member) in wanted["Values"]]
    return items


def fault(service, shape, message):
    """The model's error of this shape's name, with its code and status."""
    error = models.service_model(service).shape_for(shape).metadata.get("error", {})
    return AwsError(error.get("code", shape), message, error.get("httpStatusCode", 400))
