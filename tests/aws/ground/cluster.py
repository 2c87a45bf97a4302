"""What a cluster stands on, made with boto3: prints the outputs of each by its address.

    cluster.py ROLE...
"""

import json
import sys

import boto3

REGIONS = {"us-east-1": "10.0", "eu-west-1": "10.1"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def network(region, prefix):
    ec2 = boto3.client("ec2", region)
    vpc = ec2.create_vpc(CidrBlock=f"{prefix}.0.0/16")["Vpc"]["VpcId"]
    for index, letter in enumerate("abc"):
        block = f"{prefix}.{index * 16}.0/20"
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=region + letter)["Subnet"]
        yield f"aws/{region}/subnet/private-{letter}", {"id": subnet["SubnetId"]}


def key(region):
    made = boto3.client("kms", region).create_key()["KeyMetadata"]
    return f"aws/{region}/kms_key/eks", {"id": made["KeyId"], "arn": made["Arn"]}


def role(name):
    made = boto3.client("iam").create_role(RoleName=f"test-{name}", AssumeRolePolicyDocument=TRUST)["Role"]
    return f"aws/global/iam_role/{name}", {"name": made["RoleName"], "arn": made["Arn"]}


outputs = {}
for region, prefix in REGIONS.items():
    outputs.update(network(region, prefix))
    outputs.update([key(region)])
outputs.update(role(name) for name in sys.argv[1:])
print(json.dumps(outputs))
