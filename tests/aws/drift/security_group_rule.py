"""Widens its ports."""

import sys

import boto3

ec2 = boto3.client("ec2")
rule = ec2.describe_security_group_rules(SecurityGroupRuleIds=[sys.argv[1]])["SecurityGroupRules"][0]
wider = {"IpProtocol": rule["IpProtocol"], "FromPort": rule["FromPort"], "ToPort": rule["ToPort"] + 1000}
if "CidrIpv4" in rule:
    wider["CidrIpv4"] = rule["CidrIpv4"]
else:
    wider["ReferencedGroupId"] = rule["ReferencedGroupInfo"]["GroupId"]
ec2.modify_security_group_rules(
    GroupId=rule["GroupId"],
    SecurityGroupRules=[{"SecurityGroupRuleId": sys.argv[1], "SecurityGroupRule": wider}],
)
